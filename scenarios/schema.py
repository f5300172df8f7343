"""What a scenario file says: the scenario as a whole, every relation between its fields checked.

The sections are models of their own in the ``schema_*`` modules. Reading files, and sentences with
lines for their authors, are the work of ``source``.
"""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import InitErrorDetails, core_schema

from .schema_faults import Fault, Twin, twin_of
from .schema_fields import (
    LINE_MAX,
    NAME_PATTERN,
    PATH_MAX,
    HospitalName,
    Line,
    Listed,
    PositiveDurationUs,
    Section,
    given,
    kind_of,
    refusal,
)
from .schema_network import NetworkSection
from .schema_relations import (
    breaks_in_data,
    breaks_in_faults,
    breaks_in_forgeries,
    breaks_in_names,
    breaks_in_protocol,
)
from .schema_relations_network import breaks_in_network, breaks_in_network_faults
from .schema_sections import (
    DataSection,
    Expectations,
    LedgerSection,
    Model,
    ProofSection,
    ProtocolSection,
    TrainingSection,
    ValidationSection,
)

HOSPITALS_MAX: Final = 1000
"""The most hospitals."""

ROUNDS_MAX: Final = 100_000
"""The most rounds."""

FAULTS_MAX: Final = 1000
"""The most faults."""

SEED_MAX: Final = 2**63 - 1
"""The largest seed."""


def _named(value: object) -> object:
    """Replace a count of hospitals by their names."""
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(f"expected a count or a list of names, found {kind_of(value)}")
    if not 1 <= value <= HOSPITALS_MAX:
        raise refusal(f"expected a count from 1 to {HOSPITALS_MAX}, found {kind_of(value)}")
    return tuple(f"hospital-{number}" for number in range(1, value + 1))


Hospitals: TypeAlias = Annotated[
    tuple[HospitalName, ...],
    Listed,
    Field(min_length=1, max_length=HOSPITALS_MAX),
    BeforeValidator(_named),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": HOSPITALS_MAX},
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": NAME_PATTERN},
                    "minItems": 1,
                    "maxItems": HOSPITALS_MAX,
                    "uniqueItems": True,
                },
            ]
        }
    ),
]


class Scenario(Section):
    """One experiment, every relation between its fields checked."""

    name: Annotated[str, Field(pattern=NAME_PATTERN, alias="scenario")]
    """The id of the scenario: lower-case letters, digits and hyphens."""

    description: Annotated[Line, Field(max_length=LINE_MAX)] = ""
    """What happens, in one line."""

    seed: Annotated[int, Field(ge=0, le=SEED_MAX)] = 42
    """What all chance in the run is derived from."""

    rounds: Annotated[int, Field(ge=1, le=ROUNDS_MAX)] = 10
    """How many candidates are put to the vote."""

    hospitals: Hospitals = Field(default=given(5))
    """How many hospitals (`hospital-1` and so on), or their names."""

    protocol: ProtocolSection = Field(default_factory=ProtocolSection)
    """How the hospitals agree."""

    data: DataSection = Field(default_factory=DataSection)
    """What the hospitals learn from."""

    model: Model = Field(default=given({"kind": "mlp"}))
    """What is learned."""

    training: TrainingSection = Field(default_factory=TrainingSection)
    """How a hospital trains."""

    validation: ValidationSection = Field(default_factory=ValidationSection)
    """When a hospital accepts a candidate."""

    proof: ProofSection | None = None
    """What is proven of every update; nothing if absent."""

    network: NetworkSection = Field(default_factory=NetworkSection)
    """The network between the hospitals."""

    ledger: LedgerSection = Field(default_factory=LedgerSection)
    """How the ledger is kept."""

    faults: Annotated[tuple[Fault, ...], Listed, Field(max_length=FAULTS_MAX)] = ()
    """What goes wrong."""

    signature: Literal["ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "Ed25519"] = "ML-DSA-65"
    """How statements are signed."""

    costs: Annotated[Line, Field(min_length=1, max_length=PATH_MAX)] = "default"
    """How long cryptography and training take in simulated time: a cost profile by name, or the
    path of a YAML file, relative to the scenario file."""

    time_limit_us: PositiveDurationUs = Field(default=given("1 h"), alias="time_limit")
    """The simulated time after which an unfinished run is undecided."""

    expect: Expectations = Field(default_factory=Expectations)
    """The verdicts that the author expects; those not named are expected to be held."""

    @property
    def instances(self) -> tuple[str, ...]:
        """Every node of the run: the hospitals in order, then the twins in order."""
        twins = tuple(twin_of(fault.hospital) for fault in self.faults if isinstance(fault, Twin))
        return (*self.hospitals, *twins)

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        breaks = (
            *breaks_in_names(self.hospitals, self.validation, self.costs),
            *breaks_in_protocol(self.protocol, self.hospitals),
            *breaks_in_data(self.data),
            *breaks_in_network(self.network, self.hospitals),
            *breaks_in_faults(self.faults, self.hospitals, self.rounds),
            *breaks_in_forgeries(self.faults, proven=self.proof is not None),
            *breaks_in_network_faults(self.faults, self.hospitals, self.rounds),
        )
        if breaks:
            errors = [
                InitErrorDetails(type=refusal(sentence), loc=path, input=None)
                for path, sentence in breaks
            ]
            raise ValidationError.from_exception_data("Scenario", errors)
        return self


class SchemaWithoutNull(GenerateJsonSchema):
    """Leaves out null, which no file may contain: a key that has no value is absent."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Describe a field that may be absent by what it is when present."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Name no default where the default is to be absent."""
        found = super().default_schema(schema)
        return {key: found[key] for key in found if key != "default" or found[key] is not None}
