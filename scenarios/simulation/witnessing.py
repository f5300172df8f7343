"""The exchange of heads and cosignatures between hospitals, in simulated time."""

from collections.abc import Callable, Sequence

from crypto.digest import Digest
from crypto.errors import MerkleError
from crypto.identity import NodeId
from ledger.checkpoint import CheckpointError
from ledger.signstate import ConflictError

from ..schema_faults import hospital_of
from .costs import CostProfile
from .notary import CosignatureMessage, HeadMessage, Notary
from .outbox import Outbox
from .processor import Processor
from .stages import Effort, Work

Refuse = Callable[[NodeId, str], None]
"""Told who was refused, and why."""


class Witnessing:
    """Asks the others to cosign our heads, and cosigns theirs."""

    def __init__(
        self,
        peers: Sequence[str],
        notary: Notary,
        processor: Processor,
        outbox: Outbox,
        costs: CostProfile,
    ) -> None:
        self._peers = tuple(peers)
        self._notary = notary
        self._processor = processor
        self._outbox = outbox
        self._costs = costs
        self._leaves: Sequence[Digest] = ()

    def publish(self, leaves: Sequence[Digest], *, silent: bool = False) -> None:
        """Sign the head of our log and ask every other hospital to cosign it.

        Args:
            leaves: The leaf hashes of all records so far; read again when a witness asks.
            silent: Whether to keep the head to ourselves.
        """
        self._leaves = leaves
        self._notary.sign_head(leaves, self._processor.now_us)
        if not silent:
            self._processor.after(self._signing, lambda: self._ask(self._peers))

    def arrive(
        self, message: HeadMessage | CosignatureMessage, refuse: Refuse, *, silent: bool = False
    ) -> None:
        """Answer as a witness, or take a witness' answer in, once it has been verified."""
        effort = {Work.VERIFY: self._costs.verify_us}
        self._processor.after(effort, lambda: self._handle(message, refuse, silent=silent))

    @property
    def _signing(self) -> Effort:
        return {Work.SIGN: self._costs.sign_us}

    def _handle(
        self, message: HeadMessage | CosignatureMessage, refuse: Refuse, *, silent: bool
    ) -> None:
        author = message.owner if isinstance(message, HeadMessage) else message.witness
        places = [peer for peer in self._peers if hospital_of(peer) == author]
        try:
            if isinstance(message, CosignatureMessage):
                if self._notary.receive(message):
                    self._ask(places)
            elif not silent:
                answer = self._notary.witness(message, self._processor.now_us)
                self._processor.after(self._signing, lambda: self._answer(places, answer))
        except CheckpointError:
            refuse(author, "a head or cosignature that its author did not sign")
        except (ConflictError, MerkleError):
            # The roots cover signatures, which are randomised: no trace may name them.
            refuse(author, "a head that does not contain the one cosigned last")

    def _ask(self, peers: Sequence[str]) -> None:
        for peer in peers:
            message = self._notary.head_for(NodeId(hospital_of(peer)), self._leaves)
            if message is not None:
                self._outbox.send(peer, message)

    def _answer(self, places: Sequence[str], answer: CosignatureMessage) -> None:
        for place in places:
            self._outbox.send(place, answer)
