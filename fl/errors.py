"""The errors of this package, sorted by whose fault they are.

What another hospital sends and validation refuses is an output (`fl.validate.Reason`), not an
exception. These are raised when a caller of this package holds something it cannot go on with.
"""


class FlError(Exception):
    """The base of every error that this package raises."""


class SpecError(FlError):
    """A number or a choice given by the caller is outside its range."""


class DataError(FlError):
    """A data set cannot be read, split or used with a model; the message says what to change."""


class WeightsError(FlError):
    """A weights file or a vector of parameters does not have the model's names, types or shapes."""


class UpdateError(FlError):
    """An update is malformed, or a set of updates cannot be combined."""
