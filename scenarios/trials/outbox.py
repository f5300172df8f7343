"""How what an instance says reaches its peers: as it is, or as the liar before it would have it."""

from consensus.statements import Statement
from crypto.digest import Digest
from crypto.identity import NodeId

from ..adversaries import Interposer
from ..schema_faults import hospital_of
from .wire import Ask, Certificate, Parcel, Signed, ask_bytes, receipts
from .world import World


class Outbox:
    """The sending side of one instance."""

    __slots__ = ("_instance", "_interposer", "_node", "_world", "peers")

    def __init__(
        self, instance: str, peers: tuple[str, ...], world: World, interposer: Interposer | None
    ) -> None:
        self.peers = peers
        """Every instance of another hospital."""
        self._instance = instance
        self._node = NodeId(hospital_of(instance))
        self._world = world
        self._interposer = interposer

    def say(
        self, statement: Statement, supporting: tuple[Signed, ...], form: type[Parcel] = Parcel
    ) -> None:
        """Send a statement of the node, and those that support it, to every peer."""
        if self._interposer is not None:
            self._lie(self._interposer, statement, supporting, form)
            return
        world = self._world
        statement = world.same(statement)
        size = world.bytes_of(self._node, statement, supporting)
        parcel = form(statement.slot, receipts(self._node, statement, supporting), size)
        world.network.broadcast(self._instance, self.peers, parcel, size, statement.slot)

    def ask(self, peers: tuple[str, ...], slot: int) -> None:
        """Ask for the certificate of a slot."""
        message = Ask(slot, ask_bytes(self._world.trial.signature_bytes))
        for peer in peers:
            self._send(peer, message)

    def certify(self, peer: str, slot: int, value: Digest, statements: tuple[Signed, ...]) -> None:
        """Show a peer how a slot was decided."""
        (node, first), *others = statements
        size = self._world.bytes_of(node, first, tuple(others))
        self._send(peer, Certificate(slot, value, statements, size))

    def _send(self, peer: str, message: Ask | Certificate) -> None:
        silent_from = None if self._interposer is None else self._interposer.silent_from
        if silent_from is None or message.slot < silent_from:
            size = message.size_bytes
            self._world.network.send(self._instance, peer, message, size, message.slot)

    def _lie(
        self,
        interposer: Interposer,
        statement: Statement,
        supporting: tuple[Signed, ...],
        form: type[Parcel],
    ) -> None:
        """Send each peer what the interposer makes of a statement."""
        world, known = self._world, self._world.values(statement.slot).known
        for peer in self.peers:
            sent = interposer.outgoing(peer, statement, known)
            if sent is None:
                continue
            if sent != statement:
                world.checker.lied(self._instance, sent)
            sent = world.same(sent)
            size = world.bytes_of(self._node, sent, supporting)
            parcel = form(sent.slot, receipts(self._node, sent, supporting), size)
            world.network.send(self._instance, peer, parcel, size, statement.slot)
