"""Simulated time for trials: simpy's queue and its order of events, walked through more directly.

The events are those of simpy, and `simpy.Environment.run` would do the same with them. What is left
out is what trials do not use: events that fail, processes, and an event for each end of a run.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL

Callbacks = Any
"""What simpy calls with an event: a tuple here, which simpy only walks through."""


class Delivery:
    """A message under way to one receiver: no more than the queue asks of an event."""

    __slots__ = ("callbacks", "message", "sender")
    _ok = True

    def __init__(self, callbacks: Callbacks, sender: str, message: Any) -> None:
        self.callbacks = callbacks
        self.sender = sender
        self.message = message


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
            self._now, _, _, event = heappop(queue)
            for callback in event.callbacks:
                callback(event)

    def post(
        self, sender: str, message: Any, targets: Iterable[Callbacks], delays: Iterable[int]
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
        for callbacks, delay_us in zip(targets, delays, strict=True):
            event = Delivery(callbacks, sender, message)
            heappush(queue, (now + delay_us, NORMAL, next(numbers), event))

    def forget(self) -> None:
        """Drop every event that is still to come, so that a run can be freed at once."""
        self._queue.clear()
