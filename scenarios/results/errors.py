"""What a user can do wrong with what runs and studies left."""

from ..errors import ScenarioError


class ReportError(ScenarioError):
    """A run or a study cannot be read, compared, replayed or reported.

    One sentence: what, where, what to do.
    """
