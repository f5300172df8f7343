"""Functions over bytes: encoding, digests, signatures. Each heavy library stands in one module."""
