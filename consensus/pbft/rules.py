"""What PBFT's statements mean together: which value is carried on, and what nobody may sign twice.

Pure functions over statements; `consensus.pbft.node` and `consensus.forensics` share them.

Source: Castro and Liskov, Practical Byzantine Fault Tolerance (OSDI 1999), section 4;
the same authors in ACM TOCS 20(4), 2002, section 4.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from crypto.digest import Digest
from crypto.identity import NodeId

from ..statements import (
    NewView,
    PbftStatement,
    PrePrepare,
    Statement,
    ViewChange,
    ViewCommit,
    ViewPrepare,
)

Prepared = tuple[int, Digest]
"""A view and the value that was prepared in it."""


def claim_of(change: ViewChange) -> Prepared | None:
    """What a view change says was prepared last at its sender."""
    if change.prepared_view is None or change.prepared_value is None:
        return None
    return change.prepared_view, change.prepared_value


def last_prepared(changes: Iterable[ViewChange]) -> Prepared | None:
    """What a new view has to carry on: of all claims the one of the highest view."""
    # PBFT (TOCS 2002) 4.4: O holds a pre-prepare for the highest numbered view in V.
    return max((claim for change in changes if (claim := claim_of(change))), default=None)


def rank(change: ViewChange) -> tuple[Prepared, ...]:
    """An order of view changes by what they claim; no claim comes first."""
    claim = claim_of(change)
    return () if claim is None else (claim,)


def carries(value: Digest, changes: Iterable[Sequence[ViewChange]]) -> bool | None:
    """Whether a new view with this value carries on what was prepared last.

    Args:
        value: What the new view proposes.
        changes: Of each node on which it rests the view changes to this view: one, if it is
            correct. A new view does not say which one of a faulty node it rests on; any will do,
            as the paper's primary may have received any.

    Returns:
        None if it had to carry on another value; False if nothing had to be carried on.
    """
    faces = list(changes)
    forced = last_prepared(min(each, key=rank) for each in faces)
    claims = [claim for each in faces for change in each if (claim := claim_of(change))]
    if any(claim[1] == value for claim in claims if forced is None or claim >= forced):
        return True
    return False if forced is None else None


def is_list_of_nodes(names: Sequence[NodeId]) -> bool:
    """Whether names are sorted, each once, as a new view is to list them."""
    return all(before < after for before, after in pairwise(names))


def malformed(statement: PbftStatement) -> str | None:
    """Why a statement cannot have come from a correct node, whatever else was said; else None."""
    match statement:
        case ViewPrepare() | ViewCommit():
            least = 0
        case PrePrepare(view=view):
            if view != 0:
                return f"expected a new view to open view {view}, found a pre-prepare"
            least = 0
        case ViewChange(view=view, prepared_view=prepared, prepared_value=value):
            if (prepared is None) != (value is None):
                return "expected a prepared view and its value together, found one of them"
            if prepared is not None and not 0 <= prepared < view:
                return f"expected a prepared view below {view}, found {prepared}"
            least = 1
        case NewView(changes=changes):
            if not is_list_of_nodes(changes):
                return "expected the senders of view changes sorted and once each"
            least = 1
    if statement.view < least:
        return f"expected a view from {least} on, found {statement.view}"
    return None


def contradicts(first: PbftStatement, second: PbftStatement) -> str | None:
    """Why no correct node signs both statements, in whichever order; None if one may.

    What two statements cannot show: a correct node that prepared in view v and then left it signs
    the same two statements as a faulty one that left v and prepared in it afterwards.
    """
    if first.slot != second.slot or first == second:
        return None
    # A node accepts one proposal in a view; all that it says of that view names its value
    # (PBFT 4.2: "it has not accepted a pre-prepare for view v and sequence number n containing a
    # different digest"; 4.4: what a view change claims was prepared in that view at its sender).
    one, other = _accepted(first), _accepted(second)
    if one is not None and other is not None and one[0] == other[0] and one[1] != other[1]:
        return f"two values in view {one[0]}"
    match first, second:
        case (NewView(view=view), NewView(view=again)) if view == again:
            return f"two new views {view}"
        case ViewChange(), ViewChange():
            return _two_changes(*sorted((first, second), key=lambda change: change.view))
        case (ViewCommit() as commit, ViewChange() as change) | (
            ViewChange() as change,
            ViewCommit() as commit,
        ):
            return _forgotten((commit.view, commit.value), change)
        case _:
            return None


def _accepted(statement: Statement) -> Prepared | None:
    """The proposal that a statement of PBFT shows its signer to have accepted."""
    match statement:
        case PrePrepare() | NewView() | ViewPrepare() | ViewCommit():
            return statement.view, statement.value
        case ViewChange():
            return claim_of(statement)
        case _:
            return None


def _forgotten(prepared: Prepared, change: ViewChange) -> str | None:
    """Whether a view change leaves out what its sender had prepared (amnesia)."""
    view = prepared[0]
    if view >= change.view:
        return None
    # A node commits in no view below one that it asked for (PBFT 4.4: it "stops accepting
    # messages"), so the commit was signed first and the view change had to claim it or a later one.
    claim = claim_of(change)
    if claim is None or claim[0] < view:
        return f"committed in view {view}, forgotten in the view change to {change.view}"
    return None


def _two_changes(earlier: ViewChange, later: ViewChange) -> str | None:
    if earlier.view == later.view:
        return f"two view changes to view {earlier.view}"
    before, after = claim_of(earlier), claim_of(later)
    if before is not None and (reason := _forgotten(before, later)):
        return reason
    # Nothing is prepared in a view below the one asked for: what was not prepared when a node
    # asked for a view can later have been prepared only in that view or above.
    least = -1 if before is None else before[0]
    if after is not None and least < after[0] < earlier.view:
        return f"prepared in view {after[0]}, not yet in the view change to {earlier.view}"
    return None
