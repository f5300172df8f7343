"""The timers of one consensus node in simulated time: of each name in a slot one runs at most."""

from collections.abc import Callable

from consensus.messages import SetTimer, TimerExpired

from .processor import Processor


class Timers:
    """Sets, replaces and forgets timers."""

    def __init__(self, processor: Processor, expired: Callable[[TimerExpired], None]) -> None:
        """Run none yet.

        Args:
            processor: Whose time it is; a crash stops every timer.
            expired: Told when one runs out.
        """
        self._processor = processor
        self._expired = expired
        self._running: dict[tuple[int, str], int] = {}
        self._count = 0

    def set(self, timer: SetTimer) -> None:
        """Let a timer run, in the place of one of the same name."""
        key = (timer.slot, timer.timer)
        self._count += 1
        number = self._running[key] = self._count

        def expire() -> None:
            if self._running.get(key) == number:
                del self._running[key]
                self._expired(TimerExpired(timer.slot, timer.timer))

        self._processor.at(timer.delay_us, expire)

    def cancel(self, slot: int, timer: str) -> None:
        """Forget a timer, if it runs."""
        self._running.pop((slot, timer), None)

    def clear(self) -> None:
        """Forget all."""
        self._running.clear()
