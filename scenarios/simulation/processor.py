"""The computing time of one instance: one thing after the other, until it crashes."""

from collections.abc import Callable

import simpy

from .stages import Effort, Work


class Processor:
    """Simulated time as one hospital lives it, in microseconds.

    A crash ends what is under way; what is begun after a recovery belongs to the next *life*.
    """

    def __init__(self, env: simpy.Environment) -> None:
        self.efforts: dict[Work, int] = {}
        """Time spent computing so far, by what it went to."""
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

    def after(self, effort: Effort, act: Callable[[], None]) -> None:
        """Do something once an effort is made, after what is already under way."""
        if self.crashed:
            return
        delay_us = self._occupy(effort)
        if delay_us == 0:
            act()
        else:
            self.at(delay_us, act)

    def computing(self, effort: Effort) -> simpy.Event:
        """An event for a process to wait for: an effort is made."""
        return self._env.timeout(self._occupy(effort))

    def _occupy(self, effort: Effort) -> int:
        self._free_us = max(self.now_us, self._free_us)
        for work, cost_us in effort.items():
            self._free_us += cost_us
            self.efforts[work] = self.efforts.get(work, 0) + cost_us
        return self._free_us - self.now_us
