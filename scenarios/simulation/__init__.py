"""The discrete-event simulation: hospitals as processes over pure nodes, messages as callbacks."""
