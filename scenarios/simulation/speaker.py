"""How the statements of one instance reach the others: honestly, or through an interposer."""

from collections.abc import Callable, Sequence

from consensus.statements import Proposal, Statement
from crypto.envelope import Signed
from crypto.identity import NodeId

from ..adversaries.interposer import Interposer
from ..schema_faults import hospital_of
from .diary import Diary
from .open_slot import OpenSlot
from .outbox import Outbox
from .processor import Processor
from .signer import Signer
from .stages import Work
from .wire import (
    Errand,
    Message,
    QuorumSetMessage,
    StatementMessage,
    UpdateMessage,
    statement_message,
)
from .world import Rules


class Speaker:
    """Sends what a hospital says to its peers."""

    def __init__(
        self,
        instance: str,
        peers: Sequence[str],
        outbox: Outbox,
        processor: Processor,
        diary: Diary,
        rules: Rules,
        interposer: Interposer | None,
    ) -> None:
        self._instance = instance
        self._peers = tuple(peers)
        self._outbox = outbox
        self._processor = processor
        self._diary = diary
        self._rules = rules
        self._interposer = interposer

    def mute(self, slot: int) -> bool:
        """Whether the hospital says nothing in this slot."""
        silent_from = None if self._interposer is None else self._interposer.silent_from
        return silent_from is not None and slot >= silent_from

    def send(self, peer: str, message: Message | Errand, slot: int | None = None) -> None:
        """Send a message to one peer at once."""
        self._outbox.send(peer, message, slot)

    def hand_in(self, message: UpdateMessage, leader: NodeId) -> None:
        """Send an update to whoever leads its round."""
        if not self.mute(message.slot):
            for peer in self._peers:
                if hospital_of(peer) == leader:
                    self.send(peer, message, message.slot)

    def announce(self) -> None:
        """Tell the peers whom this hospital trusts, where it lies about it."""
        if self._interposer is None:
            return
        for peer in self._peers:
            claimed = self._interposer.claims(peer)
            if claimed is not None:
                node = NodeId(hospital_of(self._instance))
                self.send(peer, QuorumSetMessage(node, claimed))

    def broadcast(
        self,
        signed: Signed[Statement],
        open_slot: OpenSlot,
        signer: Signer,
        supporting: tuple[Signed[Statement], ...] = (),
        *,
        again: bool = False,
    ) -> None:
        """Send a signed statement to every peer, once it has been signed."""
        if self.mute(open_slot.slot):
            return
        message = self.wrap(signed, open_slot, supporting, again=again)
        self._diary.sent(message)
        effort = {Work.SIGN: 0 if again else self._rules.costs.sign_us}
        if self._interposer is None:
            self._processor.after(effort, lambda: self._outbox.broadcast(self._peers, message))
        else:
            faces = self._faces(self._interposer, message, open_slot, signer)
            self._processor.after(effort, lambda: self._to_each(faces))

    def keep_repeating(
        self,
        open_slot: OpenSlot,
        signer: Signer,
        period_us: int,
        is_open: Callable[[OpenSlot], bool],
    ) -> None:
        """Where messages can be lost: repeat our newest words until the slot is decided."""

        def again() -> None:
            if is_open(open_slot):
                self.repeat(open_slot, signer)
                self.keep_repeating(open_slot, signer, period_us, is_open)

        self._processor.at(period_us, again)

    def repeat(self, open_slot: OpenSlot, signer: Signer) -> None:
        """Say the newest of our own words of each kind again, for those who missed them."""
        own = open_slot.said_by(NodeId(hospital_of(self._instance)))
        for signed in {type(each.statement): each for each in own}.values():
            if not isinstance(signed.statement, Proposal) or open_slot.draft_of(signed.statement):
                self.broadcast(signed, open_slot, signer, again=True)

    def wrap(
        self,
        signed: Signed[Statement],
        open_slot: OpenSlot,
        supporting: tuple[Signed[Statement], ...] = (),
        *,
        again: bool = False,
    ) -> StatementMessage:
        """Put a statement into a message, with what travels with it."""
        return statement_message(
            signed,
            open_slot.draft_of(signed.statement),
            self._rules.chain_id,
            self._rules.quorum_sets[signed.node],
            supporting,
            again=again,
        )

    def _to_each(self, faces: Sequence[tuple[str, StatementMessage]]) -> None:
        for peer, message in faces:
            self.send(peer, message, message.slot)

    def _faces(
        self,
        interposer: Interposer,
        message: StatementMessage,
        open_slot: OpenSlot,
        signer: Signer,
    ) -> list[tuple[str, StatementMessage]]:
        """What each peer is sent: a liar signs what it tells each of them."""
        signed, values = message.signed, open_slot.values
        made: dict[Statement, StatementMessage] = {signed.statement: message}
        faces = []
        for peer in self._peers:
            said = interposer.outgoing(peer, signed.statement, values)
            if said is None:
                continue
            if said not in made:
                lie = signer.forswear(said)
                made[said] = self.wrap(lie, open_slot, message.supporting, again=message.again)
            faces.append((peer, made[said]))
        return faces
