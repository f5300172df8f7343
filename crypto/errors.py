"""What can go wrong in ``crypto``: one family, sorted by what was wrong.

Every exception keeps the default ``__init__``, so that simpy can raise it again by its arguments.
No message shows a secret.
"""


class CryptoError(Exception):
    """The root of the family; never raised itself."""


class EncodingError(CryptoError):
    """Bytes are not the one encoding of a value, or a value has no encoding."""


class SignatureError(CryptoError):
    """A signature or a proof of possession does not verify, or a key is malformed."""


class ProviderError(CryptoError):
    """No usable library for an algorithm; the message says how to get one."""


class IdentityError(CryptoError):
    """A node name is malformed, unknown, or not the only one with its key."""


class MerkleError(CryptoError):
    """A Merkle proof does not verify, or was asked for a tree that cannot have it."""


class TensorFileError(CryptoError):
    """A safetensors file is not the strict form that is read here."""


class ProofError(CryptoError):
    """A norm proof does not verify, is malformed, or was asked for what is not so."""
