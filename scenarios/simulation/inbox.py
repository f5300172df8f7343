"""Messages of later slots, kept until a hospital gets there."""

from .wire import Message

PENDING_COUNT_MAX = 10_000
"""Messages that wait at most."""


class Inbox:
    """What a hospital has received too early."""

    def __init__(self) -> None:
        self.latest_slot = 0
        """The latest slot that anybody spoke of: others may have decided all before it."""
        self._waiting: dict[int, list[Message]] = {}
        self._count = 0

    def keep(self, message: Message) -> bool:
        """Keep a message of a later slot; False if there is no room."""
        self.latest_slot = max(self.latest_slot, message.slot)
        if self._count >= PENDING_COUNT_MAX:
            return False
        self._waiting.setdefault(message.slot, []).append(message)
        self._count += 1
        return True

    def take(self, slot: int) -> list[Message]:
        """The messages of a slot that opens, in the order of their coming; what is older goes."""
        taken = self._waiting.pop(slot, [])
        self._waiting = {later: kept for later, kept in self._waiting.items() if later > slot}
        self._count = sum(map(len, self._waiting.values()))
        return taken

    def clear(self) -> None:
        """Forget everything: a crash."""
        self._waiting.clear()
        self._count = self.latest_slot = 0
