"""What runs and studies left, as data frames: for notebooks, reports and comparisons.

    from scenarios.results import load_run, load_study

Importing this loads nothing heavy; pandas comes with the first call.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run import RunResults
    from .study import StudyResults

__all__ = ["load_run", "load_study"]


def load_run(directory: str | Path) -> "RunResults":
    """Open a run directory.

    Raises:
        ReportError: When it is none, or what it says of itself cannot be read.
    """
    from .run import load_run as load

    return load(directory)


def load_study(directory: str | Path) -> "StudyResults":
    """Open the directory of a study that is finished.

    Raises:
        ReportError: When it is none, or what it says of itself cannot be read.
    """
    from .study import load_study as load

    return load(directory)
