"""Invariants of agreement, checked outside the nodes at every event: held, violated or undecided.

| property | held when |
|---|---|
| agreement | no two honest instances decide different values in one slot |
| validity | what an honest instance decides was justified at some honest instance |
| single decision | no honest instance decides a slot twice |
| consistency | no honest instance signs two statements that would convict it |
| commit after prepare | SCP: nobody honest accepts a commit that nobody has prepared |
| termination | every correct instance that the faulty ones do not block decides every slot by T |

An honest instance follows the protocol; a correct one also runs to the end. The checker keeps its
own copy of everything it judges by.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from consensus.forensics import contradiction
from consensus.statements import Confirm, Externalized, Prepare, Statement, kind_of
from crypto.digest import Digest
from crypto.identity import NodeId

from ..findings import Finding, Status
from ..schema_faults import hospital_of
from .wire import short

_COMMITS = (Confirm, Externalized)
"""Kinds that accept a commit."""

SLOTS_KEPT_MAX = 1000
"""Slots whose statements are kept, for whoever investigates a fork."""


class Property(StrEnum):
    """What is checked."""

    AGREEMENT = "agreement"
    VALIDITY = "validity"
    SINGLE_DECISION = "single-decision"
    CONSISTENCY = "consistency"
    COMMIT_AFTER_PREPARE = "commit-after-prepare"
    TERMINATION = "termination"


_HELD: Mapping[Property, str] = {
    Property.AGREEMENT: "no two honest hospitals decided differently",
    Property.VALIDITY: "every decision was justified at an honest hospital",
    Property.SINGLE_DECISION: "no honest hospital decided a slot twice",
    Property.CONSISTENCY: "no honest hospital contradicted itself",
    Property.COMMIT_AFTER_PREPARE: "every commit was accepted after its ballot was prepared",
}


@dataclass(frozen=True, slots=True)
class Fork:
    """Two honest instances that decided a slot differently."""

    slot: int
    """The slot."""
    first: Digest
    """The value that was decided first."""
    second: Digest
    """The other."""


class Checker:
    """Watches a trial; ask for `findings` when it is over."""

    def __init__(
        self,
        honest: Set[str],
        required: Set[str],
        alone: Set[str],
        slots: int,
        done: Callable[[], None],
    ) -> None:
        """Watch from the start.

        Args:
            honest: Instances that follow the protocol.
            required: Instances whose decisions the trial waits for.
            alone: Instances that are a quorum by themselves.
            slots: How many slots there are.
            done: Called once all of them have decided all slots.
        """
        self.honest = honest
        """Instances that follow the protocol."""
        self.said_by: dict[int, dict[str, list[Statement]]] = {}
        """By slot and instance, everything that was signed."""
        self.forks: list[Fork] = []
        """The first fork of each slot that has one."""
        self.inconsistent: set[NodeId] = set()
        """Honest hospitals that signed what convicts them."""
        self._waiting = set(required)
        self._alone = alone
        self._slots = slots
        self._done = done
        self._justified: set[tuple[int, Digest]] = set()
        self._prepared: set[tuple[int, Digest]] = set()
        self._decided: dict[int, tuple[Digest, str]] = {}
        self._decisions: dict[tuple[int, str], Digest] = {}
        self._forked: set[int] = set()
        self._compared: dict[int, dict[tuple[int, int], str | None]] = {}
        self._violations: dict[Property, Finding] = {}

    def justified(self, instance: str, slot: int, value: Digest) -> None:
        """Note that an instance may decide a value."""
        if instance in self.honest:
            self._justified.add((slot, value))

    def said(self, instance: str, statement: Statement, time_us: int) -> None:
        """Judge what an instance signed."""
        if isinstance(statement, Prepare) and statement.commit_counter:
            self._prepared.add((statement.slot, statement.ballot.value))
        before = self._statements(instance, statement.slot)
        if instance in self.honest:
            for earlier in before:
                reason = self._contradiction(earlier, statement)
                if reason is not None:
                    self.inconsistent.add(NodeId(hospital_of(instance)))
                    where = f"{instance} said {kind_of(statement)}"
                    self._violate(Property.CONSISTENCY, f"{where}: {reason}", time_us)
            if isinstance(statement, _COMMITS):
                self._check_prepared(instance, statement, time_us)
        before.append(statement)

    def lied(self, instance: str, statement: Statement) -> None:
        """Note what an instance sent in the place of what its node said."""
        before = self._statements(instance, statement.slot)
        if statement not in before:
            before.append(statement)

    def decided(self, instance: str, slot: int, value: Digest, time_us: int) -> None:
        """Judge a decision."""
        if instance not in self.honest:
            return
        before = self._decisions.setdefault((slot, instance), value)
        if before != value:
            found = f"{instance} decided slot {slot} twice: {short(before)} and {short(value)}"
            self._violate(Property.SINGLE_DECISION, found, time_us)
        if (slot, value) not in self._justified:
            found = f"{instance} decided {short(value)} in slot {slot}, justified nowhere"
            self._violate(Property.VALIDITY, found, time_us)
        self._check_agreement(instance, slot, value, time_us)
        if slot == self._slots and instance in self._waiting:
            self._waiting.remove(instance)
            if not self._waiting:
                self._done()

    def findings(self, *, blocked: bool, quiet: bool) -> Mapping[Property, Finding]:
        """The state of every property when the trial is over.

        Args:
            blocked: Whether the faults excuse whoever did not decide.
            quiet: Whether nothing was left to happen.
        """
        found = {
            each: self._violations.get(each, Finding(Status.HELD, reason))
            for each, reason in _HELD.items()
        }
        found[Property.TERMINATION] = self._termination(blocked=blocked, quiet=quiet)
        return found

    def _termination(self, *, blocked: bool, quiet: bool) -> Finding:
        if not self._waiting:
            return Finding(Status.HELD, "every correct hospital decided every slot")
        late = f"{min(self._waiting)} and {len(self._waiting) - 1} more did not decide"
        if blocked:
            return Finding(Status.UNDECIDED, f"{late}; the faults can block them for ever")
        if quiet:
            return Finding(Status.VIOLATED, f"{late}, and nothing is left to happen")
        return Finding(Status.UNDECIDED, f"{late} in time")

    def _statements(self, instance: str, slot: int) -> list[Statement]:
        of_slot = self.said_by.get(slot)
        if of_slot is None:
            of_slot = self.said_by[slot] = {}
            self._compared[slot] = {}
            if len(self.said_by) > SLOTS_KEPT_MAX:
                first = min(self.said_by)
                del self.said_by[first], self._compared[first]
        return of_slot.setdefault(instance, [])

    def _contradiction(self, earlier: Statement, statement: Statement) -> str | None:
        """`contradiction`, asked once for the same two objects: all instances say much the same."""
        # Both are kept in `said_by` as long as what is noted here: nothing else has their ids.
        compared = self._compared.get(statement.slot)
        if compared is None:
            return contradiction(earlier, statement)
        pair = (id(earlier), id(statement))
        if pair not in compared:
            compared[pair] = contradiction(earlier, statement)
        return compared[pair]

    def _check_prepared(
        self, instance: str, statement: Confirm | Externalized, time_us: int
    ) -> None:
        ballot = statement.ballot if isinstance(statement, Confirm) else statement.commit
        if instance in self._alone:
            return  # a quorum of one prepares and commits at once, without a word between
        if (statement.slot, ballot.value) not in self._prepared:
            found = f"{instance} accepted commit of {short(ballot.value)}, which nobody prepared"
            self._violate(Property.COMMIT_AFTER_PREPARE, found, time_us)

    def _check_agreement(self, instance: str, slot: int, value: Digest, time_us: int) -> None:
        first, who = self._decided.setdefault(slot, (value, instance))
        if first == value or slot in self._forked:
            return
        self._forked.add(slot)
        self.forks.append(Fork(slot, first, value))
        found = f"in slot {slot} {who} decided {short(first)} and {instance} decided {short(value)}"
        self._violate(Property.AGREEMENT, found, time_us)

    def _violate(self, which: Property, reason: str, time_us: int) -> None:
        self._violations.setdefault(which, Finding(Status.VIOLATED, reason, time_us))


def by_hospital(said: Mapping[str, list[Statement]]) -> dict[NodeId, list[Statement]]:
    """Join what an instance and its twin signed: it bears one name."""
    joined: dict[NodeId, list[Statement]] = {}
    for instance in sorted(said):
        joined.setdefault(NodeId(hospital_of(instance)), []).extend(said[instance])
    return joined
