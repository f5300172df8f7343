"""The computing time of one instance: one thing after the other, until it crashes."""

from collections.abc import Callable

import simpy


class Processor:
    """Simulated time as one hospital lives it, in microseconds.

    A crash ends what is under way; what is begun after a recovery belongs to the next *life*.
    """

    def __init__(self, env: simpy.Environment) -> None:
        self.busy_us = 0
        """Time spent computing so far."""
        self.crashed = False
        """Whether it stands still."""
        self.life = 0
        """How often it has crashed."""
        self._env = env
        self._free_us = 0

    @property
    def now_us(self) -> int:
        """The simulated time."""
        return int(self._env.now)

    def crash(self) -> None:
        """Stop: nothing that was to be done is done."""
        self.crashed = True
        self.life += 1
        self._free_us = 0

    def recover(self) -> None:
        """Run again."""
        self.crashed = False

    def at(self, delay_us: int, act: Callable[[], None]) -> None:
        """Do something later, unless there is a crash before."""
        life = self.life

        def run(_: simpy.Event) -> None:
            if self.life == life and not self.crashed:
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
