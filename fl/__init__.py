"""Federated learning: data and its split, training, validation on G and L, attacks."""
