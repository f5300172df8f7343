"""What one author hands in to a round: an update, signed, and proven where that is asked for."""

from dataclasses import dataclass

from fl.update import Update
from ledger.candidate import UpdateEntry


@dataclass(frozen=True, slots=True)
class Contribution:
    """An update with all that goes with it."""

    update: Update
    """The update."""
    entry: UpdateEntry
    """What the ledger will say of it."""
    signature: bytes
    """The author's, over the entry."""
    proof: bytes = b""
    """The proof file; empty where nothing is proven."""
    payload: bytes = b""
    """What opens the commitment; empty where nothing is proven."""
