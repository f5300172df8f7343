"""Errors of the analysis; each is a ``ConsensusError``."""

from ..errors import ConsensusError


class UndecidedError(ConsensusError):
    """The deadline came before a question was answered, and there is no partial answer to give."""


class SolverMissingError(ConsensusError):
    """A solver was asked for by name and is not installed."""
