"""The sections of a scenario file: protocol, data, model, training, validation, expectations.

Each field is checked by itself; what holds between fields is checked by ``schema_relations``.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from crypto.identity import NodeId

from .schema_fields import (
    LINE_MAX,
    PATH_MAX,
    FractionPpm,
    Line,
    Listed,
    OpenFractionPpm,
    PositiveDurationUs,
    Section,
    given,
)

DATA_SETS: Final = ("breast-cancer",)
"""The data sets that are known by name; any other source is the path of a CSV file."""

CSV_SUFFIX: Final = ".csv"
"""How the path of a data file ends."""


class QuorumSetSection(Section):
    """Whom one hospital trusts: `threshold` of its entries."""

    threshold: Annotated[int, Field(ge=1)]
    """How many of the entries must agree."""

    validators: Annotated[tuple[NodeId, ...], Listed] = ()
    """Hospitals, each an entry."""

    inner_sets: Annotated[tuple["QuorumSetSection", ...], Listed] = ()
    """Quorum sets, each an entry."""


Protocol: TypeAlias = Literal["scp", "majority", "pbft", "authority"]
"""The protocols by name."""


class ProtocolSection(Section):
    """How the hospitals agree."""

    name: Protocol = "scp"
    """The protocol: federated Byzantine agreement with ballots (`scp`), one vote that is counted
    (`majority`), three phases under a primary (`pbft`), or one hospital that decides for all
    (`authority`)."""

    rule: Literal["majority", "two-thirds", "quorum-sets"] = "two-thirds"
    """Whom each hospital trusts: more than half or more than two thirds of all, or the quorum sets
    declared below. With the protocol `authority` each trusts the authority alone."""

    quorum_sets: Mapping[str, QuorumSetSection] = Field(default={})
    """The quorum set of each hospital, or of every other one under `default`; with the rule
    `quorum-sets` only."""

    authority: NodeId | None = None
    """The hospital that decides for all; with the protocol `authority` only."""

    quarantine_after: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    """How many of a hospital's own candidates are refused before it is quarantined: it votes on,
    and neither leads a round nor contributes. With 0 nobody is quarantined."""

    proposal_timeout_us: PositiveDurationUs = Field(default=given("5 s"), alias="proposal_timeout")
    """How long a hospital waits for the candidate of a round."""

    vote_timeout_us: PositiveDurationUs = Field(default=given("5 s"), alias="vote_timeout")
    """How long a hospital waits, from its own verdict on, for verdicts that justify a vote."""

    round_timeout_us: PositiveDurationUs = Field(default=given("1 s"), alias="round_timeout")
    """How long the protocol waits before its next attempt: SCP's rounds of nomination and its
    ballots (each waits this much longer than the one before), PBFT's views (each twice as long)."""

    catch_up_us: PositiveDurationUs = Field(default=given("2 s"), alias="catch_up")
    """How long a hospital that is behind waits before it asks another for what it missed."""


class DataSection(Section):
    """What the hospitals learn from."""

    source: Annotated[Line, Field(min_length=1, max_length=PATH_MAX)] = "breast-cancer"
    """A data set by name, or the path of a CSV file, relative to the scenario file."""

    label: Annotated[Line, Field(min_length=1, max_length=LINE_MAX)] | None = None
    """The column of a CSV file that is learned."""

    partition: Literal["iid", "dirichlet"] = "iid"
    """How the rows are split over the hospitals: alike, or skewed by label."""

    alpha: Annotated[float, Field(ge=1e-3, le=1e6)] | None = None
    """The evenness of a `dirichlet` partition: the smaller, the more the labels are skewed."""

    global_fraction_ppm: OpenFractionPpm = Field(default=given("20 %"), alias="global_fraction")
    """The fraction of all rows in the validation set G that every hospital knows."""

    local_fraction_ppm: OpenFractionPpm = Field(default=given("25 %"), alias="local_fraction")
    """The fraction of a hospital's own rows in its validation set L."""


class MlpModel(Section):
    """A multi-layer perceptron."""

    kind: Literal["mlp"]
    """A multi-layer perceptron."""

    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4096)], ...],
        Listed,
        Field(min_length=1, max_length=16),
    ] = (16,)
    """The units of each hidden layer."""


class LogisticModel(Section):
    """A logistic regression."""

    kind: Literal["logistic"]
    """A logistic regression."""


Model: TypeAlias = Annotated[MlpModel | LogisticModel, Field(discriminator="kind")]


class TrainingSection(Section):
    """How a hospital trains."""

    scheme: Literal["sequential", "fedavg"] = "sequential"
    """One hospital after the other, or all at once and averaged."""

    pipeline: bool = False
    """Whether a hospital begins to train the next round while this one is being decided, from the
    candidate that it has accepted; if the others refuse that one the work is thrown away."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = 5
    """Passes over a hospital's rows in one round."""

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 16
    """Rows in one step."""

    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.1
    """The length of a step."""

    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of the last step that is kept."""


class ProofSection(Section):
    """What every update is proven to be, in zero knowledge."""

    norm_bound: Annotated[float, Field(gt=0, le=1e6)]
    """The largest Euclidean norm of an update; what is longer is scaled down to it."""

    integer_bound: Annotated[int, Field(ge=16, le=2**15)] = 2**14
    """The norm of the integers that such an update becomes: the finer, the larger the proof."""

    rounding: Literal["truncate", "unbiased"] = "truncate"
    """How an update becomes integers: toward zero, or at random and right on average."""


class LedgerSection(Section):
    """How the ledger is kept."""

    checkpoint_every: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """Blocks from one signed head of a hospital's log to the next, which the others cosign; there
    is always one at the end."""


class ValidationSection(Section):
    """When a hospital accepts a candidate."""

    score: Literal["accuracy", "balanced-accuracy"] = "accuracy"
    """What is measured."""

    epsilon_global_ppm: FractionPpm = Field(default=given("3 %"), alias="epsilon_global")
    """The loss of score on G that is still accepted."""

    epsilon_local_ppm: FractionPpm = Field(default=given("20 %"), alias="epsilon_local")
    """The loss of score on L that is still accepted."""

    checks: Annotated[tuple[Literal["global", "local"], ...], Listed] = ("global", "local")
    """The sets a candidate must do well on; the file and the claimed score are always checked."""


Verdict: TypeAlias = Literal["held", "violated", "undecided"]


class Expectations(Section):
    """The verdicts that the author expects."""

    agreement: Verdict = "held"
    """No two honest hospitals decide differently."""

    validity: Verdict = "held"
    """Only valid candidates are decided."""

    chain: Verdict = "held"
    """Every honest ledger is one unbroken chain."""

    termination: Verdict = "held"
    """Every honest hospital finishes every round."""

    accountability: Verdict = "held"
    """Evidence convicts none but those that lie."""

    containment: Verdict = "held"
    """No poisoned candidate is accepted."""
