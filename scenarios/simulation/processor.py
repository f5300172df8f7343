"""The computing time of one instance: one thing after the other, until it crashes."""

from collections.abc import Callable

import simpy


class Processor:
    """Simulated time as one hospital lives it, in microseconds."""

    def __init__(self, env: simpy.Environment, crash_us: int | None) -> None:
        self.busy_us = 0
        """Time spent computing so far."""
        self._env = env
        self._crash_us = crash_us
        self._free_us = 0

    @property
    def now_us(self) -> int:
        """The simulated time."""
        return int(self._env.now)

    @property
    def crashed(self) -> bool:
        """Whether it has stopped for good."""
        return self._crash_us is not None and self._env.now >= self._crash_us

    def at(self, delay_us: int, act: Callable[[], None]) -> None:
        """Do something later, unless it has crashed by then."""

        def run(_: simpy.Event) -> None:
            if not self.crashed:
                act()

        self._env.timeout(delay_us).callbacks.append(run)

    def after(self, cost_us: int, act: Callable[[], None]) -> None:
        """Do something once ``cost_us`` of computing is done, after what is already under way."""
        if self.crashed:
            return
        delay_us = self._occupy(cost_us)
        if delay_us == 0:
            act()
        else:
            self.at(delay_us, act)

    def computing(self, cost_us: int) -> simpy.Event:
        """An event for a process to wait for: ``cost_us`` of computing is done."""
        return self._env.timeout(self._occupy(cost_us))

    def _occupy(self, cost_us: int) -> int:
        start_us = max(self.now_us, self._free_us)
        self._free_us = start_us + cost_us
        self.busy_us += cost_us
        return self._free_us - self.now_us
