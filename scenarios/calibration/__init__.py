"""How likely a hospital accepts a candidate: measured from real training, for trials without."""
