"""Audit levels L4 and L5: judge every candidate again, and run the whole run again.

Both start from what the genesis commits to: the scenario, the data, the versions, the first model.
Importing this package loads neither torch nor simpy; calling it does. `replay` does a run again and
compares all that it recorded; a `Telling` keeps what one hospital knew and decided meanwhile.
"""

from .again import Replay, ReplicaPair, replay
from .audit import audit_by_replay
from .report import Progress, ReplayCounters, ReplayLevel, ReplayReport

__all__ = [
    "Progress",
    "Replay",
    "ReplayCounters",
    "ReplayLevel",
    "ReplayReport",
    "ReplicaPair",
    "audit_by_replay",
    "replay",
]
