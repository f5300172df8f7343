"""What the sections of a scenario file are made of: the strict base model and the field types.

Nothing is converted by surprise: ``"5"`` is not 5 and ``true`` is not 1. Quantities with units are
integers of their smallest unit in Python and text such as ``50 ms`` in YAML.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from crypto.errors import IdentityError
from crypto.identity import NodeId, node_id

from . import units
from .errors import ScenarioError, shown

FACTOR_MAX: Final = 1e6
"""The largest factor or deviation of an attack."""

LINE_MAX: Final = 200
"""The most characters in a line of text."""

PATH_MAX: Final = 4096
"""The most characters in the path of a file."""

NAME_PATTERN: Final = r"^[a-z][a-z0-9-]{0,63}$"
"""What a name looks like: of a hospital, a scenario or a cost profile."""

NEVER: Final = "never"
"""What is written for a partition that does not heal."""

UNLIMITED: Final = "unlimited"
"""What is written for a bandwidth that delays nothing."""


class Section(BaseModel):
    """The base of every mapping in a scenario file: frozen, strict, no unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
        validate_default=True,  # defaults stand in the models as they would in a file
        use_attribute_docstrings=True,
    )


def given(value: Any) -> Any:
    """Mark a default that is given in the form it has in a file: ``5 s``."""
    return value


def refusal(sentence: str) -> PydanticCustomError:
    """Return an error that is reported as it is worded; raise it in a validator."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def kind_of(value: object) -> str:
    """Name a YAML value in a message: its kind, and the value itself if it is short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return shown(str(value))
    if isinstance(value, str):
        return f"'{shown(value)}'"
    return "a mapping" if isinstance(value, dict) else "a list"


def _quantity(parse: Callable[[str], int], kind: str, example: str) -> BeforeValidator:
    """Read a quantity from its text; a bare number has no unit and is refused."""

    def read(value: object) -> int:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise refusal(f"expected a {kind} such as '{example}', found {kind_of(value)}")
        try:
            return parse(value)
        except ScenarioError as error:
            raise refusal(str(error)) from None

    return BeforeValidator(read)


def _read_fraction(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        wanted = "expected a fraction from 0 to 1, such as 0.05 or 5 %"
        raise refusal(f"{wanted}, found {kind_of(value)}")
    try:
        return units.parse_fraction(value)
    except ScenarioError as error:
        raise refusal(str(error)) from None


def _above_zero(value: int) -> int:
    if value == 0:
        raise refusal("expected more than zero")
    return value


def _inside(fraction_ppm: int) -> int:
    if not 0 < fraction_ppm < units.PPM:
        raise refusal("expected a fraction above 0 and below 1")
    return fraction_ppm


def _or_word(word: str) -> BeforeValidator:
    """Read one word as None; put it after (outside) the type that reads all else."""
    return BeforeValidator(lambda value: None if value == word else value)


def _node_name(value: str) -> NodeId:
    try:
        return node_id(value)
    except IdentityError as error:
        raise refusal(str(error)) from None


def _one_line(value: str) -> str:
    if value and not value.isprintable():
        raise refusal("expected one line of printable text")
    return value


def _text_schema(pattern: str, *examples: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "examples": list(examples)}


_DURATION_SCHEMA: Final = _text_schema(r"^[0-9]+(\.[0-9]+)? ?(us|ms|s|min|h)$", "50 ms", "2 min")
_BANDWIDTH_SCHEMA: Final = _text_schema(r"^[0-9]+(\.[0-9]+)? ?[kMG]?bit/s$", "20 Mbit/s")
_FRACTION_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        _text_schema(r"^[0-9]+(\.[0-9]+)? ?%$", "5 %"),
    ]
}

DurationUs: TypeAlias = Annotated[
    int,
    _quantity(units.parse_duration, "duration", "50 ms"),
    PlainSerializer(units.format_duration, return_type=str, when_used="json"),
    WithJsonSchema(_DURATION_SCHEMA),
]
PositiveDurationUs: TypeAlias = Annotated[DurationUs, AfterValidator(_above_zero)]

BandwidthBitsPerS: TypeAlias = Annotated[
    int,
    _quantity(units.parse_bandwidth, "bandwidth", "20 Mbit/s"),
    AfterValidator(_above_zero),
    PlainSerializer(units.format_bandwidth, return_type=str, when_used="json"),
    WithJsonSchema(_BANDWIDTH_SCHEMA),
]

FractionPpm: TypeAlias = Annotated[
    int,
    BeforeValidator(_read_fraction),
    PlainSerializer(units.format_fraction, return_type=str, when_used="json"),
    WithJsonSchema(_FRACTION_SCHEMA),
]
OpenFractionPpm: TypeAlias = Annotated[FractionPpm, AfterValidator(_inside)]

HealUs: TypeAlias = Annotated[
    DurationUs | None,
    _or_word(NEVER),
    PlainSerializer(
        lambda heal_us: NEVER if heal_us is None else units.format_duration(heal_us),
        return_type=str,
        when_used="json",
    ),
    WithJsonSchema({"anyOf": [{"const": NEVER}, _DURATION_SCHEMA]}),
]
Bandwidth: TypeAlias = Annotated[
    BandwidthBitsPerS | None,
    _or_word(UNLIMITED),
    PlainSerializer(
        lambda limit: UNLIMITED if limit is None else units.format_bandwidth(limit),
        return_type=str,
        when_used="json",
    ),
    WithJsonSchema({"anyOf": [{"const": UNLIMITED}, _BANDWIDTH_SCHEMA]}),
]

Line: TypeAlias = Annotated[str, AfterValidator(_one_line)]
HospitalName: TypeAlias = Annotated[NodeId, AfterValidator(_node_name)]
Factor: TypeAlias = Annotated[float, Field(gt=0, le=FACTOR_MAX)]
Round: TypeAlias = Annotated[int, Field(ge=1)]

# A list in YAML, a tuple in Python: the one conversion that is made.
Listed: Final = Strict(False)
