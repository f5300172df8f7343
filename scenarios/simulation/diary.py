"""What one instance does, as lines of the run's trace."""

from consensus.statements import Statement, kind_of
from crypto.identity import NodeId

from .processor import Processor
from .trace import Trace, Word, words_of
from .wire import Message, describe


class Diary:
    """Writes down what happens at an instance, and when."""

    def __init__(self, instance: str, processor: Processor, trace: Trace) -> None:
        self._instance = instance
        self._processor = processor
        self._trace = trace

    def write(self, event: str, **words: Word) -> None:
        """Write one line."""
        self._trace.add(self._processor.now_us, event, self._instance, **words)

    def said(self, statement: Statement) -> None:
        """The node said this."""
        self.write(kind_of(statement), slot=statement.slot, **words_of(statement))

    def sent(self, message: Message) -> None:
        """A message went to the peers."""
        kind, author, slot = describe(message)
        self.write("send", kind=kind, by=author, slot=slot, bytes=message.size_bytes)

    def delivered(self, message: Message, sender: str) -> None:
        """A message arrived."""
        kind, author, slot = describe(message)
        words: dict[str, Word] = {"from": sender, "kind": kind, "by": author, "slot": slot}
        self.write("deliver", **words)

    def refused(self, sender: NodeId, reason: str) -> None:
        """Something was not taken in."""
        words: dict[str, Word] = {"from": sender, "reason": reason}
        self.write("refuse", **words)
