"""The form of ``results.json``, checked before a report trusts it: a file may be damaged."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..results.errors import ReportError

_Point = str | int | float | bool


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)  # "5" is no number; keys that are not named may be there


class _Axis(_Shape):
    name: str
    values: list[_Point]


class _Estimate(_Shape):
    of: str
    value: float | None
    low: float | None
    high: float | None


class _Cell(_Shape):
    id: str
    axes: dict[str, _Point]
    replications: int
    estimate: _Estimate
    measures: dict[str, dict[str, float | None]]


class _Threshold(_Shape):
    axes: dict[str, _Point]
    of: str
    located: int | None
    interval: Annotated[list[int | None], Field(min_length=2, max_length=2)]
    theory: int | None
    agrees: bool | None
    confidence: float
    replications: int


class _Expectation(_Shape):
    expects: str
    met: bool
    found: str


class _Question(_Shape):
    kind: str
    of: str | None
    confidence: float


class _Results(_Shape):
    study: str
    question: _Question
    axes: list[_Axis]
    cells: list[_Cell]
    thresholds: list[_Threshold]
    expectations: list[_Expectation]
    as_expected: bool


def check_results(results: Mapping[str, Any], where: object) -> None:
    """Check that a report can be made of the results of a study.

    Raises:
        ReportError: When something is missing, or of another type.
    """
    try:
        _Results.model_validate(dict(results))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise ReportError(f"{where} is damaged: {path}: {first['msg'].lower()}") from None
