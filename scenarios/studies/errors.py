"""What can be wrong with a study."""

from ..errors import ScenarioError


class StudyError(ScenarioError):
    """A study cannot be used: one sentence with the file, the place, expected and found."""
