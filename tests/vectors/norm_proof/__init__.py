"""Golden norm proofs: made once, verified for ever."""
