"""A signal asks long work to stop; the work looks between two steps, and loses nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .voice import SIGNALS, say


class Stop:
    """Remembers the first signal."""

    def __init__(self, words: str) -> None:
        """Wait for none yet.

        Args:
            words: What to say when it comes.
        """
        self._words = words
        self._number: int | None = None

    def signal(self) -> int | None:
        """The signal that asks to stop, if one came."""
        return self._number

    def asked(self) -> bool:
        """Whether one came."""
        return self._number is not None

    def receive(self, number: int, _: FrameType | None) -> None:
        """Take a signal; the first counts."""
        if self._number is None:
            self._number = number
            say(self._words)


@contextmanager
def stop_on_signal(words: str) -> Iterator[Stop]:
    """Take signals while something long is done.

    Args:
        words: What to say when one comes.
    """
    stop = Stop(words)
    before = {number: signal.signal(number, stop.receive) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
