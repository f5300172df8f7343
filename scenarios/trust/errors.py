"""What can be wrong with a file of quorum sets, or with a question about it."""

from ..errors import ScenarioError


class TrustError(ScenarioError):
    """A trust graph cannot be used: one sentence with the file, the place, expected and found."""
