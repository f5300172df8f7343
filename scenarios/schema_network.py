"""The network section of a scenario file: who is linked with whom, and how long a link takes."""

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag

from crypto.identity import NodeId

from .schema_fields import Bandwidth, DurationUs, Listed, Section, given, refusal

EDGES_MAX: Final = 100_000
"""The most links in a list of edges."""

DEGREE_MAX: Final = 64
"""The largest degree of a random regular graph."""


class Constant(Section):
    """Always the same delay."""

    distribution: Literal["constant"]
    """Always the same delay."""

    value_us: DurationUs = Field(alias="value")
    """The delay."""


class Uniform(Section):
    """Any delay between two."""

    distribution: Literal["uniform"]
    """Any delay between two, equally likely."""

    low_us: DurationUs = Field(alias="low")
    """The shortest delay."""

    high_us: DurationUs = Field(alias="high")
    """The longest delay."""


class Normal(Section):
    """A normal delay, drawn again while it is negative."""

    distribution: Literal["normal"]
    """A normal delay, drawn again while it is negative."""

    mean_us: DurationUs = Field(alias="mean")
    """The mean before negative delays are drawn again."""

    deviation_us: DurationUs = Field(alias="deviation")
    """The standard deviation before negative delays are drawn again."""


class Lognormal(Section):
    """A lognormal delay."""

    distribution: Literal["lognormal"]
    """A lognormal delay: never negative, with a long tail."""

    mean_us: DurationUs = Field(alias="mean")
    """The mean of the delay itself, not of its logarithm."""

    deviation_us: DurationUs = Field(alias="deviation")
    """The standard deviation of the delay itself, not of its logarithm."""


class Gamma(Section):
    """A gamma delay."""

    distribution: Literal["gamma"]
    """A gamma delay: never negative, with a shorter tail than the lognormal."""

    mean_us: DurationUs = Field(alias="mean")
    """The mean of the delay."""

    deviation_us: DurationUs = Field(alias="deviation")
    """The standard deviation of the delay."""


Latency: TypeAlias = Annotated[
    Constant | Uniform | Normal | Lognormal | Gamma, Field(discriminator="distribution")
]


class Edge(NamedTuple):
    """A link of two hospitals: ``[a, b]``, or ``[a, b, latency]`` with a latency of its own."""

    first: NodeId
    second: NodeId
    latency: Latency | None = None


def _as_list(value: object) -> object:
    # pydantic would read a mapping of the three names as well.
    if not isinstance(value, (list, tuple)):
        raise refusal("expected an edge [hospital, hospital] or [hospital, hospital, latency]")
    return value


def _form_of_graph(value: object) -> str:
    return "edges" if isinstance(value, (list, tuple)) else "name"


GraphName: TypeAlias = Literal["complete", "ring", "star", "path", "random-regular"]
Graph: TypeAlias = Annotated[
    Annotated[GraphName, Tag("name")]
    | Annotated[
        tuple[Annotated[Edge, BeforeValidator(_as_list)], ...],
        Listed,
        Field(max_length=EDGES_MAX),
        Tag("edges"),
    ],
    Discriminator(_form_of_graph),
]


class NetworkSection(Section):
    """The network between the hospitals."""

    graph: Graph = "complete"
    """Who is linked with whom: the name of a shape, or a list of edges. A ring, a star (around the
    first hospital) and a path follow the order of `hospitals`."""

    degree: Annotated[int, Field(ge=3, le=DEGREE_MAX)] | None = None
    """The links of each hospital, with the graph `random-regular` only."""

    latency: Latency = Field(
        default=given({"distribution": "lognormal", "mean": "40 ms", "deviation": "10 ms"})
    )
    """The delay of one message on one link."""

    bandwidth_bits_per_s: Bandwidth = Field(default=given("unlimited"), alias="bandwidth")
    """What a link carries: a message takes size x 8 / bandwidth longer on each link. `unlimited`
    delays nothing."""
