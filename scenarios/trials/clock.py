"""Simulated time for trials: simpy's queue and its order of events, walked through more directly.

Timers are events of simpy. Messages, which are most of what happens, are entries of its queue
without an event: the receiver is called with sender and message. What is left out is what trials do
not use: events that fail, processes, and an event for each end of a run.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL

Target = Callable[[str, Any], None]
"""Called with sender and message when a message arrives."""

_MESSAGE_ENTRY = 6
"""Length of a message's entry: time, priority, number, target, sender, message. Simpy's have 4."""


class Clock(simpy.Environment):
    """Simulated time that stops when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self._over = False

    def stop(self) -> None:
        """Let nothing happen any more."""
        self._over = True

    def play(self) -> None:
        """Let events happen in their order until it is stopped, or nothing is left."""
        queue: list[Any] = self._queue
        while queue and not self._over:
            entry = heappop(queue)
            self._now = entry[0]
            event = entry[3]
            if len(entry) == _MESSAGE_ENTRY:
                event(entry[4], entry[5])
            else:
                for callback in event.callbacks:
                    callback(event)

    def post(
        self, sender: str, message: Any, targets: Iterable[Target], delays: Iterable[int]
    ) -> None:
        """Put a message on its way to several receivers.

        Args:
            sender: Who sends it.
            message: What is sent.
            targets: What is called on its arrival, for each receiver.
            delays: How long it takes to each of them, in microseconds.
        """
        queue: list[Any] = self._queue
        now, numbers = self._now, self._eid
        for target, delay_us in zip(targets, delays, strict=True):
            heappush(queue, (now + delay_us, NORMAL, next(numbers), target, sender, message))

    def forget(self) -> None:
        """Drop every event that is still to come, so that a run can be freed at once."""
        self._queue.clear()
