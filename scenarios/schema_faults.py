"""The faults of a scenario file: what goes wrong, with whom and when, as data.

A twin is a second, unmodified node under the same key; the simulator tells the two apart by the
instance names ``hospital-5`` and ``hospital-5/twin``.
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from crypto.identity import NodeId

from .schema_adversaries import Bias, Collude, Equivocate, Mutate, Slices, Split
from .schema_fields import (
    DurationUs,
    Factor,
    FractionPpm,
    HealUs,
    Listed,
    PositiveDurationUs,
    Round,
    Section,
    given,
)

GROUPS_MAX: Final = 1000
"""The most groups of a partition."""

GROUP_MAX: Final = 2000
"""The most instances in one group: every hospital and its twin."""


def twin_of(hospital: str) -> str:
    """Name the second instance of a twinned hospital."""
    return f"{hospital}/twin"


def hospital_of(instance: str) -> str:
    """Name the hospital that an instance belongs to."""
    return instance.partition("/")[0]


class Poison(Section):
    """What every poisoning has; the attack itself is one of the classes below."""

    kind: Literal["poison"]
    """A hospital proposes models that were tampered with."""

    hospital: NodeId
    """The hospital that poisons."""

    from_round: Round = 1
    """The first round in which it does."""

    until_round: Round | None = None
    """The last round in which it does; the last of the run if absent."""

    forges: bool = False
    """Whether it does not keep to the bound of norms, and hands in a proof that proves nothing;
    with `proof` only."""


class LabelFlip(Poison):
    """Trains on labels that were turned around."""

    attack: Literal["label-flip"]
    """The hospital trains on flipped labels."""

    fraction_ppm: FractionPpm = Field(default=given("100 %"), alias="fraction")
    """The fraction of its training labels that are flipped."""


class SignFlip(Poison):
    """Sends its update with the sign turned around."""

    attack: Literal["sign-flip"]
    """The hospital multiplies its update by minus `factor`."""

    factor: Factor = 1.0
    """What the reversed update is multiplied by."""


class Scaling(Poison):
    """Sends its update enlarged."""

    attack: Literal["scaling"]
    """The hospital multiplies its update by `factor`."""

    factor: Factor = 10.0
    """What the update is multiplied by."""


class Gaussian(Poison):
    """Sends noise in place of its update."""

    attack: Literal["gaussian"]
    """The hospital sends normal noise in place of its update."""

    sigma: Factor = 1.0
    """The standard deviation of the noise on each weight."""


class NotANumber(Poison):
    """Sends an update with a value that is not a number."""

    attack: Literal["nan"]
    """The hospital sends NaN in place of one value of its update."""


class Twin(Section):
    """A second, unmodified node under the same key."""

    kind: Literal["twin"]
    """A second node runs under the hospital's key; a partition gives the two their sides."""

    hospital: NodeId
    """The hospital that is twinned; the second instance is named `<hospital>/twin`."""


class Partition(Section):
    """The network falls apart into groups for a while."""

    kind: Literal["partition"]
    """Messages between the groups wait until the partition heals, or are lost."""

    groups: Annotated[
        tuple[
            Annotated[tuple[str, ...], Listed, Field(min_length=1, max_length=GROUP_MAX)],
            ...,
        ],
        Listed,
        Field(min_length=2, max_length=GROUPS_MAX),
    ]
    """Disjoint groups of instances; an instance in none of them still reaches all."""

    start_us: DurationUs = Field(default=given("0 s"), alias="start")
    """When the network falls apart."""

    heal_us: HealUs = Field(alias="heal")
    """When it is whole again, or `never`."""

    drop: bool = False
    """Whether messages between the groups are lost instead."""


class Firewall(Section):
    """Some instances cannot send to others in some rounds."""

    kind: Literal["firewall"]
    """What the senders send the receivers in some rounds does not arrive."""

    senders: Annotated[tuple[str, ...], Listed, Field(min_length=1, max_length=GROUP_MAX)]
    """The instances whose messages are stopped."""

    receivers: Annotated[tuple[str, ...], Listed, Field(min_length=1, max_length=GROUP_MAX)]
    """The instances that they are stopped from."""

    from_round: Round = 1
    """The first round whose messages are stopped."""

    until_round: Round | None = None
    """The last round whose messages are stopped; without it they are to the end of the run."""

    drop: bool = True
    """Whether they are lost, or arrive after the first message of a later round."""


class Delay(Section):
    """All that a hospital sends takes longer in some rounds."""

    kind: Literal["delay"]
    """Everything that the hospital sends is delayed."""

    hospital: NodeId
    """The hospital whose messages are delayed, and those of its twin."""

    extra_us: PositiveDurationUs = Field(alias="extra")
    """How much longer each message takes."""

    from_round: Round = 1
    """The first round whose messages are delayed."""

    until_round: Round | None = None
    """The last round whose messages are delayed; without it they are to the end of the run."""


class Crash(Section):
    """A hospital stops, for a while or for good."""

    kind: Literal["crash"]
    """The hospital stops: it neither sends nor receives, and forgets all that it did not sign."""

    hospital: NodeId
    """The hospital that stops."""

    at_us: DurationUs = Field(alias="at")
    """When it stops."""

    recover_us: HealUs = Field(default=given("never"), alias="recover")
    """When it runs again, with its ledger and what it had signed, or `never`."""


class Silence(Section):
    """A hospital receives and sends nothing."""

    kind: Literal["silence"]
    """The hospital receives but sends nothing."""

    hospital: NodeId
    """The hospital that is silent."""

    from_round: Round = 1
    """The first round in which it sends nothing."""


Attack: TypeAlias = Annotated[
    LabelFlip | SignFlip | Scaling | Gaussian | NotANumber, Field(discriminator="attack")
]
Fault: TypeAlias = Annotated[
    Attack
    | Twin
    | Partition
    | Firewall
    | Delay
    | Crash
    | Silence
    | Equivocate
    | Slices
    | Bias
    | Collude
    | Mutate
    | Split,
    Field(discriminator="kind"),
]
