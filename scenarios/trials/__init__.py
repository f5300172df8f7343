"""Agreement alone: seeded runs of pure nodes over the simulated network, without learning."""
