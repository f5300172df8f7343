"""The network section of a scenario file: who is linked with whom, and what a link does."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from crypto.identity import NodeId

from .schema_fields import (
    PATH_MAX,
    Bandwidth,
    BandwidthBitsPerS,
    DurationUs,
    FractionPpm,
    HealUs,
    Line,
    Listed,
    Section,
    given,
    refusal,
)

EDGES_MAX: Final = 100_000
"""The most links in a list of edges or a file."""

DELAYS_MAX: Final = 100_000
"""The most measured delays of an empirical latency."""

GRAPH_SUFFIXES: Final = (".graphml", ".gml")
"""How the path of a graph ends."""

DELAYS_SUFFIXES: Final = (".csv", ".txt")
"""How the path of measured delays ends."""

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


class Empirical(Section):
    """Delays that were measured: each message takes one of them."""

    distribution: Literal["empirical"]
    """One of some measured delays, each equally likely, none in between."""

    delays_us: (
        Annotated[tuple[DurationUs, ...], Listed, Field(min_length=1, max_length=DELAYS_MAX)] | None
    ) = Field(default=None, alias="delays")
    """The delays; this or `file`."""

    file: Annotated[Line, Field(min_length=1, max_length=PATH_MAX)] | None = None
    """The path of a file with a delay in each line, relative to the scenario file."""


Latency: TypeAlias = Annotated[
    Constant | Uniform | Normal | Lognormal | Gamma | Empirical,
    Field(discriminator="distribution"),
]


class LinkSection(Section):
    """What one link has of its own; what is absent is as in the rest of the network."""

    latency: Latency | None = None
    """The delay of one message."""

    loss_ppm: FractionPpm | None = Field(default=None, alias="loss")
    """The fraction of messages that get lost."""

    bandwidth_bits_per_s: BandwidthBitsPerS | None = Field(default=None, alias="bandwidth")
    """What the link carries."""


def _form_of_link(value: object) -> str:
    """Tell a link from a latency; no key can be called like these tags."""
    if isinstance(value, Mapping) and "distribution" not in value:
        return "(link)" if value.keys() & {"latency", "loss", "bandwidth"} else "(latency)"
    return "(link)" if isinstance(value, LinkSection) else "(latency)"


class Edge(NamedTuple):
    """A link of two hospitals: ``[a, b]``, or ``[a, b, …]`` with a latency or more of its own."""

    first: NodeId
    second: NodeId
    own: (
        Annotated[
            Annotated[Latency, Tag("(latency)")] | Annotated[LinkSection, Tag("(link)")],
            Discriminator(_form_of_link),
        ]
        | None
    ) = None

    @property
    def link(self) -> LinkSection:
        """What the link has of its own."""
        if isinstance(self.own, LinkSection):
            return self.own
        return LinkSection.model_construct(
            latency=self.own, loss_ppm=None, bandwidth_bits_per_s=None
        )


def _as_list(value: object) -> object:
    # pydantic would read a mapping of the three names as well.
    if not isinstance(value, (list, tuple)):
        raise refusal(
            "expected an edge [hospital, hospital], with a latency or a mapping of latency, loss "
            "and bandwidth as third entry if they are its own"
        )
    return value


def _form_of_graph(value: object) -> str:
    if isinstance(value, str) and value.endswith(GRAPH_SUFFIXES):
        return "file"
    return "edges" if isinstance(value, (list, tuple)) else "name"


GraphName: TypeAlias = Literal["complete", "ring", "star", "path", "random-regular"]
Graph: TypeAlias = Annotated[
    Annotated[GraphName, Tag("name")]
    | Annotated[
        Annotated[Line, Field(max_length=PATH_MAX)],
        WithJsonSchema({"type": "string", "pattern": r"\.(graphml|gml)$"}),
        Tag("file"),
    ]
    | Annotated[
        tuple[Annotated[Edge, BeforeValidator(_as_list)], ...],
        Listed,
        Field(max_length=EDGES_MAX),
        Tag("edges"),
    ],
    Discriminator(_form_of_graph),
]


class BeforeGst(Section):
    """How links behave before the global stabilisation time."""

    latency: Latency | None = None
    """The delay of one message on one link until then; that of the link if absent."""

    loss_ppm: FractionPpm | None = Field(default=None, alias="loss")
    """The fraction of messages that a link loses until then; that of the link if absent."""


class RegionsSection(Section):
    """Where the hospitals stand, and so how long their links take."""

    preset: Literal["europe", "world"]
    """The regions and the published delays between them."""

    places: Mapping[str, str] = Field(default={})
    """Hospital to region; the hospitals that are not named stand in region after region in turn."""

    jitter_ppm: FractionPpm = Field(default=given("10 %"), alias="jitter")
    """The standard deviation of a delay as a fraction of its mean; above zero it is lognormal."""

    def __hash__(self) -> int:
        # A dict has none of its own, and graphs are kept by the network section they belong to.
        return hash((self.preset, frozenset(self.places.items()), self.jitter_ppm))


class NetworkSection(Section):
    """The network between the hospitals."""

    graph: Graph = "complete"
    """Who is linked with whom: the name of a shape, a list of edges, or the path of a GraphML or
    GML file. A ring, a star (around the first hospital) and a path follow the order of
    `hospitals`."""

    degree: Annotated[int, Field(ge=3, le=DEGREE_MAX)] | None = None
    """The links of each hospital, with the graph `random-regular` only."""

    latency: Latency = Field(
        default=given({"distribution": "lognormal", "mean": "40 ms", "deviation": "10 ms"})
    )
    """The delay of one message on one link; with `regions`, they say it."""

    regions: RegionsSection | None = None
    """Where the hospitals stand, which gives each link its latency."""

    bandwidth_bits_per_s: Bandwidth = Field(default=given("unlimited"), alias="bandwidth")
    """What a link carries: a message takes size x 8 / bandwidth longer on each link. `unlimited`
    delays nothing."""

    loss_ppm: FractionPpm = Field(default=given("0 %"), alias="loss")
    """The fraction of messages that each link loses."""

    retransmit_us: HealUs = Field(default=given("200 ms"), alias="retransmit")
    """After what time a lost message is sent again, twice as long each time; `never` loses it."""

    duplication_ppm: FractionPpm = Field(default=given("0 %"), alias="duplication")
    """The fraction of messages that arrive twice."""

    order: Literal["free", "fifo"] = "free"
    """Whether messages from one instance to another may overtake each other, or arrive in order."""

    reordering_ppm: FractionPpm = Field(default=given("0 %"), alias="reordering")
    """The fraction of messages that take the delay of their route twice and so are overtaken."""

    gst_us: DurationUs | None = Field(default=None, alias="gst")
    """The global stabilisation time, before which links behave as `before_gst` says."""

    before_gst: BeforeGst | None = None
    """How links behave before `gst`."""

    @property
    def loses(self) -> bool:
        """Whether a message can be lost on a link for good."""
        before = self.before_gst
        lossy = self.loss_ppm or (before is not None and before.loss_ppm)
        own = () if isinstance(self.graph, str) else self.graph
        links = any(edge.link.loss_ppm for edge in own)
        return self.retransmit_us is None and bool(lossy or links)
