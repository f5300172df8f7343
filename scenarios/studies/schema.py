"""What a study file says: a scenario, axes, faulty hospitals, a question, what is expected.

The scenario of a cell is checked by the schema of scenarios once the axes have set their values:
that is the work of ``plan``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails

from ..errors import ScenarioError, shown
from ..schema import HOSPITALS_MAX, SEED_MAX, Scenario, SchemaWithoutNull
from ..schema_fields import (
    LINE_MAX,
    NAME_PATTERN,
    PATH_MAX,
    FractionPpm,
    Line,
    Listed,
    OpenFractionPpm,
    Section,
    given,
    kind_of,
    refusal,
)
from ..schema_relations import Break
from ..schema_relations import Path as YamlPath
from ..units import parse_duration, parse_fraction

AXES_MAX: Final = 8
"""The most axes."""

POINTS_MAX: Final = 1000
"""The most values of one axis."""

CELLS_MAX: Final = 10_000
"""The most cells of a study."""

REPLICATIONS_MAX: Final = 1_000_000
"""The most replicas of a cell."""

BATCH_MAX: Final = 10_000
"""The most replicas of a batch."""

EXPECTATIONS_MAX: Final = 200
"""The most expectations."""

FAULTY_AXIS: Final = "faulty"
"""The axis of how many hospitals are faulty."""

SCENARIO_KEYS: Final = tuple(field.alias or name for name, field in Scenario.model_fields.items())
"""What an axis may set in the scenario, by the first step of its path."""

OWN_KEYS: Final = ("faulty", "verdicts", "question")
"""What an axis may set of the study itself."""

Label: TypeAlias = str | int | float | bool
"""The value of an axis."""

Kind: TypeAlias = Literal["rate", "mean", "quantile", "threshold"]
"""What may be asked."""


class CountRange(Section):
    """Numbers of faulty hospitals from one to another."""

    first: Annotated[int, Field(ge=0, le=HOSPITALS_MAX, alias="from")] = 0
    """The least number."""

    last: Annotated[int, Field(ge=0, le=HOSPITALS_MAX, alias="to")]
    """The greatest number."""

    step: Annotated[int, Field(ge=1, le=HOSPITALS_MAX)] = 1
    """From one to the next."""


def _form_of_count(value: object) -> str:
    if isinstance(value, Mapping | CountRange):
        return "(range)"
    return "(list)" if isinstance(value, (list, tuple)) else "(all)"


Counts: TypeAlias = Annotated[
    Annotated[Literal["all"], Tag("(all)")]
    | Annotated[
        tuple[Annotated[int, Field(ge=0, le=HOSPITALS_MAX)], ...],
        Listed,
        Field(min_length=1, max_length=POINTS_MAX),
        Tag("(list)"),
    ]
    | Annotated[CountRange, Tag("(range)")],
    Discriminator(_form_of_count),
]


class FaultySection(Section):
    """How many hospitals are faulty, and what each of them does."""

    count: Counts = "all"
    """The axis `faulty`: `all` for 0 to all but one, a list, or `from`, `to` and `step`. A question
    for a threshold searches in it."""

    fault: Mapping[str, Any]
    """What each of them does: a fault of a scenario, without `hospital`, `hospitals` or, of a
    `split`, `faulty`."""

    placement: Literal["last", "first", "random", "targeted"] = "last"
    """Which they are: by the order of `hospitals` from its end or its beginning, by chance and anew
    in each replica, or where they harm most. A `split` finds its own."""


class VerdictsSection(Section):
    """How likely an honest hospital accepts a candidate, where nothing is trained."""

    good_ppm: FractionPpm = Field(default=given("100 %"), alias="good")
    """One that nobody poisoned."""

    poisoned_ppm: FractionPpm = Field(default=given("0 %"), alias="poisoned")
    """One that its proposer poisoned."""


class QuestionSection(Section):
    """What is asked of every cell."""

    kind: Kind = "rate"
    """How often a measure is so (`rate`), its `mean` or a `quantile`, or with how many faulty
    hospitals it breaks (`threshold`)."""

    of: Line | None = None
    """The measure. Required, here or by a variant of an axis."""

    status: Literal["held", "violated", "undecided"] = Field(default="held", alias="is")
    """What is counted, for rates and thresholds."""

    quantile_ppm: OpenFractionPpm = Field(default=given("50 %"), alias="quantile")
    """Which one, for quantiles."""

    level_ppm: OpenFractionPpm = Field(default=given("50 %"), alias="level")
    """The rate below which the measure is broken, for thresholds."""

    confidence_ppm: OpenFractionPpm = Field(default=given("95 %"), alias="confidence")
    """Of intervals, and of a threshold as a whole."""

    interval: Literal["wilson", "clopper-pearson"] = "wilson"
    """How the interval of a rate is made after a fixed number of replicas."""

    search: Literal["bisection", "every"] = "bisection"
    """Where a threshold is looked for: in the middle again and again, or at every number."""


class PrecisionSection(Section):
    """Replicas until a rate is known precisely enough."""

    precision_ppm: OpenFractionPpm = Field(alias="precision")
    """Half the width of the interval that is asked for."""

    at_least: Annotated[int, Field(ge=1, le=REPLICATIONS_MAX)] = 20
    """The fewest replicas."""

    at_most: Annotated[int, Field(ge=1, le=REPLICATIONS_MAX)] = 2000
    """The most replicas; precise enough or not."""


def _form_of_replications(value: object) -> str:
    return "(precision)" if isinstance(value, Mapping | PrecisionSection) else "(number)"


Replications: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=REPLICATIONS_MAX), Tag("(number)")]
    | Annotated[PrecisionSection, Tag("(precision)")],
    Discriminator(_form_of_replications),
]


def _read_bound(value: object) -> float:
    """Read a bound: a number, a fraction in per cent, or a duration in microseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise refusal(f"expected a number, '95 %' or '250 ms', found {kind_of(value)}")
    if not isinstance(value, str):
        return float(value)
    try:
        return parse_fraction(value) / 1e6 if value.endswith("%") else float(parse_duration(value))
    except ScenarioError as error:
        raise refusal(str(error)) from None


Bound: TypeAlias = Annotated[
    float,
    BeforeValidator(_read_bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]


def _read_where(value: object) -> object:
    if not isinstance(value, Mapping):
        raise refusal(f"expected a mapping of axes to values, found {kind_of(value)}")
    for axis, wanted in value.items():
        entries = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        if not entries or not all(isinstance(each, (str, int, float)) for each in entries):
            raise refusal(f"{shown(str(axis))}: expected a value of the axis, or a list of some")
    return {
        axis: tuple(wanted) if isinstance(wanted, (list, tuple)) else wanted
        for axis, wanted in value.items()
    }


Where: TypeAlias = Annotated[
    Mapping[str, Any], BeforeValidator(_read_where), WithJsonSchema({"type": "object"})
]
"""Which cells are meant: an axis and its value, or a list of values; all of an axis not named."""


class ThresholdClaim(Section):
    """Where thresholds are expected."""

    where: Where = Field(default={})
    """Which of them are meant, by their axes; all if absent."""

    located: Annotated[int, Field(ge=0, le=HOSPITALS_MAX)] | Literal["theory", "never"] | None = (
        None
    )
    """The greatest number of faulty hospitals with which it holds: a number, what theory says, or
    that no number breaks it."""

    at_least: Annotated[int, Field(ge=0, le=HOSPITALS_MAX)] | None = None
    """That it holds with so many."""

    at_most: Annotated[int, Field(ge=0, le=HOSPITALS_MAX)] | None = None
    """That it does not hold with more."""


def _form_of_claim(value: object) -> str:
    return "(claim)" if isinstance(value, Mapping | ThresholdClaim) else "(theory)"


class OtherCells(Section):
    """Cells that others are compared with."""

    where: Where
    """How they differ from the cells that are compared: axes and values."""

    of: Line | None = None
    """Their measure; the same if absent."""


class Expectation(Section):
    """One thing that the author expects."""

    thresholds: (
        Annotated[
            Annotated[Literal["theory"], Tag("(theory)")]
            | Annotated[ThresholdClaim, Tag("(claim)")],
            Discriminator(_form_of_claim),
        ]
        | None
    ) = None
    """Of thresholds: `theory` where theory says something, or more precisely."""

    where: Where = Field(default={})
    """Of cells: which are meant, by their axes; all if absent."""

    of: Line | None = None
    """The measure: a status by its rate, a number by its mean. If absent it is what the question
    estimates."""

    at_least: Bound | None = None
    """The least it may be."""

    at_most: Bound | None = None
    """The most it may be."""

    less_than: OtherCells | None = None
    """The cells in which it is greater."""

    more_than: OtherCells | None = None
    """The cells in which it is less."""

    by: Bound | None = None
    """How much less or more, at least."""

    based_on: Literal["estimate", "interval"] = "estimate"
    """Whether the estimate is compared, or the end of its interval that is nearer to the bound."""


class Study(Section):
    """Many replicas of many cells, and a question."""

    name: Annotated[str, Field(pattern=NAME_PATTERN, alias="study")]
    """The id of the study: lower-case letters, digits and hyphens."""

    description: Annotated[Line, Field(max_length=LINE_MAX)] = ""
    """What is asked, in one line."""

    fidelity: Literal["protocol", "full"] = "protocol"
    """Agreement alone, or everything: training, cryptography, ledger."""

    seed: Annotated[int, Field(ge=0, le=SEED_MAX)] = 42
    """What the seeds of the replicas are derived from."""

    base: Annotated[Line, Field(min_length=1, max_length=PATH_MAX)] | None = None
    """A scenario that `scenario` changes: a name of the library, or the path of a file."""

    scenario: Mapping[str, Any] = Field(default={})
    """What all cells have in common: keys of a scenario."""

    sweep: Mapping[str, Any] = Field(default={})
    """The axes, in order."""

    faulty: FaultySection | None = None
    """How many hospitals are faulty, and what each of them does; nobody is if absent."""

    verdicts: VerdictsSection | None = None
    """How likely a candidate is accepted, with the fidelity `protocol`; always if it is good and
    never if it is poisoned, if absent."""

    calibration: Annotated[Line, Field(min_length=1, max_length=PATH_MAX)] | None = None
    """Instead of `verdicts`: a file that `tclearn calibrate` wrote."""

    question: QuestionSection = Field(default_factory=QuestionSection)
    """What is asked."""

    replications: Replications = 100
    """How many replicas of each cell, at most of each probe of a threshold; or a precision."""

    batch: Annotated[int, Field(ge=1, le=BATCH_MAX)] = 10
    """How many replicas a worker does at once, and after how many it is decided whether they
    suffice."""

    expect: Annotated[tuple[Expectation, ...], Listed, Field(max_length=EXPECTATIONS_MAX)] = ()
    """What the author expects to come out."""

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        breaks = (
            *_breaks_in_sweep(self.sweep),
            *_breaks_in_replications(self),
            *_breaks_in_expectations(self),
        )
        if breaks:
            errors = [
                InitErrorDetails(type=refusal(sentence), loc=path, input=None)
                for path, sentence in breaks
            ]
            raise ValidationError.from_exception_data("Study", errors)
        return self


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a study file, for editors."""
    found = Study.model_json_schema(schema_generator=SchemaWithoutNull)
    scenario = Scenario.model_json_schema(schema_generator=SchemaWithoutNull)
    definitions = scenario.pop("$defs")
    keys = {key: value for key, value in scenario["properties"].items() if key != "scenario"}
    about = found["properties"]["scenario"]["description"]
    found["properties"]["scenario"] = {
        "type": "object",
        "description": about,
        "default": {},
        "additionalProperties": False,
        "properties": keys,
    }
    found["$defs"] = {**definitions, **found.get("$defs", {})}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _breaks_in_sweep(sweep: Mapping[str, Any]) -> Iterator[Break]:
    if len(sweep) > AXES_MAX:
        yield ("sweep",), f"expected at most {AXES_MAX} axes, found {len(sweep)}"
    for axis, points in sweep.items():
        path: YamlPath = ("sweep", axis)
        if axis == FAULTY_AXIS:
            yield path, "'faulty' is the axis of faulty hospitals; write it as 'faulty.count'"
        elif isinstance(points, Mapping):
            yield from _breaks_in_variants(path, points)
        elif isinstance(points, (list, tuple)):
            yield from _breaks_in_values(path, points)
        else:
            wanted = "expected a list of values, or labels with what each of them sets"
            yield path, f"{wanted}, found {kind_of(points)}"


def _breaks_in_values(path: YamlPath, points: Sequence[object]) -> Iterator[Break]:
    yield from _breaks_in_number(path, len(points), "value")
    for index, value in enumerate(points):
        if not isinstance(value, (str, int, float)):
            wanted = "expected a number, text, true or false"
            advice = f"give it a label: 'NAME: {{LABEL: {{{path[-1]}: …}}}}'"
            yield (*path, index), f"{wanted}, found {kind_of(value)}; {advice}"
        elif any(value == other and type(value) is type(other) for other in points[:index]):
            yield (*path, index), f"{kind_of(value)} stands here twice"


def _breaks_in_variants(path: YamlPath, points: Mapping[str, object]) -> Iterator[Break]:
    yield from _breaks_in_number(path, len(points), "label")
    for label, settings in points.items():
        if not isinstance(settings, Mapping) or not settings:
            wanted = "expected paths and values such as 'protocol.name: scp'"
            yield (*path, label), f"{wanted}, found {kind_of(settings)}"
        if not label or len(label) > LINE_MAX or not label.isprintable():
            yield (*path, label), f"expected a label of 1 to {LINE_MAX} printable characters"


def _breaks_in_number(path: YamlPath, count: int, what: str) -> Iterator[Break]:
    if not count:
        yield path, f"the axis is empty; give at least one {what}, or remove it"
    elif count > POINTS_MAX:
        yield path, f"expected at most {POINTS_MAX} {what}s, found {count}"


def _breaks_in_replications(study: Study) -> Iterator[Break]:
    wanted = study.replications
    if isinstance(wanted, PrecisionSection):
        if wanted.at_least > wanted.at_most:
            yield ("replications", "at_most"), f"expected at least at_least, {wanted.at_least}"
        if study.question.kind != "rate":
            what = f"a precision is asked of rates, and the question is for a {study.question.kind}"
            yield ("replications",), f"{what}; give a number"
    if study.calibration is not None and study.verdicts is not None:
        yield ("calibration",), "expected 'verdicts' or 'calibration', found both"
    if study.fidelity == "full":
        for key in ("verdicts", "calibration"):
            if getattr(study, key) is not None:
                yield (key,), "belongs to the fidelity 'protocol'; hospitals validate models here"
    if study.question.kind == "threshold" and study.faulty is None:
        what = "missing; a threshold is a number of faulty hospitals: say what each of them does"
        yield ("faulty",), f"{what}, such as 'faulty: {{fault: {{kind: silence}}}}'"


_CELL_KEYS: Final = ("where", "of", "at_least", "at_most", "less_than", "more_than", "by")
_COMPARISONS: Final = ("at_least", "at_most", "less_than", "more_than")


def _breaks_in_expectations(study: Study) -> Iterator[Break]:
    for index, expected in enumerate(study.expect):
        path: YamlPath = ("expect", index)
        told = [key for key in _CELL_KEYS if getattr(expected, key) not in (None, {})]
        if expected.thresholds is not None:
            if study.question.kind != "threshold":
                asked = f"the question is for a {study.question.kind}"
                yield (*path, "thresholds"), f"belongs to a question for a threshold; {asked}"
            if told:
                yield (*path, told[0]), "does not belong beside 'thresholds'; write it into it"
            if isinstance(expected.thresholds, ThresholdClaim):
                yield from _breaks_in_claim((*path, "thresholds"), expected.thresholds)
        elif not set(told) & set(_COMPARISONS):
            yield path, f"expects nothing; give 'thresholds' or one of {', '.join(_COMPARISONS)}"
        elif expected.by is not None and not {"less_than", "more_than"} & set(told):
            yield (*path, "by"), "belongs to 'less_than' or 'more_than'"


def _breaks_in_claim(path: YamlPath, claim: ThresholdClaim) -> Iterator[Break]:
    if claim.located is None and claim.at_least is None and claim.at_most is None:
        yield path, "expects nothing; give 'located', 'at_least' or 'at_most'"
