"""The timers of one instance: one replaces another of its name, and a crash forgets them all."""

from collections.abc import Callable

import simpy


class Timers:
    """Wakes an instance in simulated time."""

    __slots__ = ("_armed", "_env", "_expire", "_running")

    def __init__(self, env: simpy.Environment, expire: Callable[[str, int], None]) -> None:
        """Run no timer yet.

        Args:
            env: Simulated time.
            expire: Called with the name and the slot of a timer that ran out.
        """
        self._env = env
        self._expire = expire
        self._running: dict[str, int] = {}
        self._armed = 0

    def set(self, name: str, slot: int, delay_us: int) -> None:
        """Arm a timer; one of the same name that runs is replaced."""
        self._armed += 1
        number = self._running[name] = self._armed

        def ring(_: simpy.Event) -> None:
            if self._running.get(name) == number:
                del self._running[name]
                self._expire(name, slot)

        self._env.timeout(delay_us).callbacks.append(ring)

    def after(self, delay_us: int, act: Callable[[], None]) -> None:
        """Do something later, unless all timers are forgotten before."""
        self._armed += 1
        name = f"after/{self._armed}"
        number = self._running[name] = self._armed

        def ring(_: simpy.Event) -> None:
            if self._running.get(name) == number:
                del self._running[name]
                act()

        self._env.timeout(delay_us).callbacks.append(ring)

    def runs(self, name: str) -> bool:
        """Whether a timer of this name runs."""
        return name in self._running

    def cancel(self, name: str) -> None:
        """Forget a timer, if one of this name runs."""
        self._running.pop(name, None)

    def forget(self) -> None:
        """Forget all of them."""
        self._running.clear()
