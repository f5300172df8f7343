"""What a hospital works with from one start to the next crash: its files, and what it knows.

A crash takes all of it away. What is on the disk stays: the ledger, what was signed, what was
cosigned. The next life begins from there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from consensus.messages import Node

from .learner import Learner
from .notary import Notary
from .replica import Replica
from .signer import Signer


@dataclass(frozen=True, slots=True)
class Life:
    """One life; the next is opened by the same function."""

    node: Node
    """Its side of the consensus, which knows nothing yet."""
    signer: Signer
    """Its voice, and what it has said."""
    learner: Learner
    """Its data, and the bar that the ledger set."""
    replica: Replica
    """Its ledger."""
    notary: Notary
    """Its heads, and those it has cosigned."""

    def close(self) -> None:
        """Release the files."""
        self.notary.close()
        self.signer.close()
        self.replica.close()


OpenLife = Callable[[], Life]
"""Opens the files of a hospital and reads what they hold.

Raises:
    StoreError: When they cannot be read, or hold what this hospital would not have written.
"""
