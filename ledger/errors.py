"""Errors of the ledger, by whose fault they are: what was stored, or how the store is used."""


class LedgerError(Exception):
    """Base of every error this package raises."""


class StoreError(LedgerError):
    """The store cannot be used: no permission, no space, held by another writer, not a ledger."""


class BlobError(LedgerError):
    """A blob is missing or its content is not what its name says."""


class Violation(LedgerError):  # noqa: N818 (a broken rule of the ledger, not a failure of ours)
    """Stored bytes break a rule of the ledger. Raise as ``Violation(code, expected, found)``."""

    @property
    def code(self) -> str:
        """Stable machine-readable name of the rule, upper case."""
        return str(self.args[0])

    @property
    def expected(self) -> str:
        """What the rule asks for."""
        return str(self.args[1])

    @property
    def found(self) -> str:
        """What stood there instead."""
        return str(self.args[2])

    def __str__(self) -> str:
        return f"{self.code}: expected {self.expected}, found {self.found}"
