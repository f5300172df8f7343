"""Errors of local misuse. Bad remote input is an output (`Reject`, `Accuse`), no exception."""


class ConsensusError(Exception):
    """Base of every error this package raises."""


class QuorumSetError(ConsensusError):
    """A quorum set that is not sane: threshold, nesting, size or duplicates."""


class CertificateError(ConsensusError):
    """A set of votes that does not prove that a value was decided."""


class ProtocolError(ConsensusError):
    """A protocol's node was driven outside its contract by its own shell."""


class InvariantError(ConsensusError):
    """A protocol's node reached a state that its own rules exclude: a bug of ours."""
