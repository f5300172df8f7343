"""What can go wrong before an exploration begins."""

from ..errors import SimulationError


class ExplorationError(SimulationError):
    """Something was asked to be explored that cannot be: a case, a limit or a system."""
