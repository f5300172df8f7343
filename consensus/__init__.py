"""Pure state machines that agree on one opaque value per slot, and the quorum sets they trust."""
