"""The faults of a scenario file in which a hospital lies: how, to whom and when, as data.

None of them needs a change in a protocol: `adversaries` puts them between a node that follows the
protocol and the network.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from crypto.identity import NodeId

from .schema_fields import FractionPpm, Line, Listed, Round, Section, given

LIARS_MAX: Final = 1000
"""The most hospitals that one fault names."""

ANY_FIELD: Final = "any"
"""Stands for each field of a message that `mutate` can change."""

_Hospitals = Annotated[tuple[NodeId, ...], Listed, Field(max_length=LIARS_MAX)]


class Equivocate(Section):
    """A hospital says different things to the two halves of its peers."""

    kind: Literal["equivocate"]
    """The second half of its peers, by name, hears the opposite of what the first half hears."""

    hospital: NodeId
    """The hospital that has two faces."""

    what: Literal["verdict", "statement"] = "statement"
    """Turns its verdicts around, or puts another value of the slot into its other statements."""

    from_round: Round = 1
    """The first round in which it does."""

    until_round: Round | None = None
    """The last round in which it does; the last of the run if absent."""


class Slices(Section):
    """A hospital lies about whom it trusts."""

    kind: Literal["slices"]
    """The hospital's statements claim a quorum set that is not its own (SCP only: the statements
    of the other protocols claim none)."""

    hospital: NodeId
    """The hospital that lies."""

    threshold: Annotated[int, Field(ge=1)] = 1
    """How many of the validators it says it needs."""

    validators: _Hospitals = ()
    """Whom it says it trusts; itself alone if absent."""

    to: _Hospitals = ()
    """The hospitals that hear the lie; all of them if absent."""


class Bias(Section):
    """A hospital judges without looking."""

    kind: Literal["bias"]
    """The hospital gives the same verdict on every candidate."""

    hospital: NodeId
    """The hospital that does."""

    verdict: Literal["accept", "reject"]
    """What it says."""


class Collude(Section):
    """Some hospitals accept each other's candidates."""

    kind: Literal["collude"]
    """The hospitals accept what any of them proposes, poisoned or not, whatever their data say."""

    hospitals: Annotated[tuple[NodeId, ...], Listed, Field(min_length=1, max_length=LIARS_MAX)]
    """The hospitals that hold together."""


class Mutate(Section):
    """Some messages of a hospital are changed in one field, and signed so (ByzzFuzz)."""

    kind: Literal["mutate"]
    """Some of the hospital's messages differ in one field from what the protocol says."""

    hospital: NodeId
    """The hospital whose messages change."""

    field: Line = ANY_FIELD
    """The field that is changed, such as `value` or `ballot`; one by chance if absent."""

    probability_ppm: FractionPpm = Field(default=given("10 %"), alias="probability")
    """The fraction of its messages that change, drawn for each receiver."""

    from_round: Round = 1
    """The first round in which they do."""

    until_round: Round | None = None
    """The last round in which they do; the last of the run if absent."""


class Split(Section):
    """The strongest attack on agreement: a computed splitting set, with power over the network."""

    kind: Literal["split"]
    """A smallest set of hospitals that can split the others is twinned, and the network cut so that
    two quorums meet only in them."""

    faulty: Annotated[int, Field(ge=1, le=LIARS_MAX)] | None = None
    """The most hospitals it may use; as many as it takes if absent. With fewer than it takes it
    does the most it can, and nothing forks."""
