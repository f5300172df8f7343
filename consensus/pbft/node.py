"""PBFT's replica, as a pure machine: pre-prepare, prepare, commit, and the view change.

One slot (sequence number) is open at a time, so there are neither watermarks nor checkpoints: the
ledger below is the stable checkpoint. Quorums are what quorum sets say: 2f + 1 is a set that
convinces this node, f + 1 one that blocks it; with a flat two thirds the two are the paper's
numbers. Signed statements stand for the paper's messages; a view change's proof that a value was
prepared travels as the statements that prove it (`Broadcast.supporting`).

What it does not do: a proof held when a node crashed is not recalled, so its claim to have
prepared counts only once the proof has come back from others: liveness can wait for that, safety
does not depend on it.

Source: Castro and Liskov, Practical Byzantine Fault Tolerance (OSDI 1999), section 4;
the same authors in ACM TOCS 20(4), 2002, section 4 and section 4.5.2 (timers).
"""

from dataclasses import dataclass

from crypto.digest import Digest
from crypto.identity import NodeId

from ..errors import ProtocolError
from ..messages import (
    Accuse,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Learn,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from ..statements import (
    NewView,
    PbftStatement,
    PrePrepare,
    Statement,
    ViewChange,
    ViewCommit,
    ViewPrepare,
)
from ..trust import Trust
from .log import Log, Tally
from .rules import Prepared, carries, claim_of, contradicts, last_prepared, malformed, rank

VIEW_TIMER = "view"
"""Runs out when a view did not decide in time, or was not opened in time."""
VIEWS_AHEAD_MAX = 128
"""How far above its own view a node listens: bounds what a faulty node can make it remember."""
FACES_MAX = 8
"""How many contradicting statements of one kind, node and view are counted, each for its value."""
DOUBLINGS_MAX = 32
"""How often a timeout doubles at most; the cap of `PbftTimeouts` comes first in practice."""


@dataclass(frozen=True, slots=True)
class PbftTimeouts:
    """How long a node waits for a view, in simulated microseconds."""

    request_us: int
    """In view 0, from the first sign that the slot has something to decide."""
    cap_us: int
    """In any view: the timeout doubles with each view up to this."""


class PbftNode:
    """One replica: an agreement, see `consensus.messages`."""

    def __init__(self, node: NodeId, trust: Trust, timeouts: PbftTimeouts) -> None:
        self._node = node
        self._bit = trust.bits[node]
        self._trust = trust
        self._timeouts = timeouts
        self._open: Log | None = None

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do, in order.

        Raises:
            ProtocolError: When the shell opens a slot out of turn or speaks before any is open.
        """
        log = self._open
        if type(event) is Receive and log is not None:  # most of what happens
            return self._receive(log, event.sender, event.statement)
        if isinstance(event, Begin):
            return self._begin(event)
        if log is None:
            raise ProtocolError("expected Begin before any other input")
        match event:
            case Receive(sender=sender, statement=statement):
                return self._receive(log, sender, statement)
            case Justified():
                return self._justified(log, event)
            case TimerExpired():
                return self._expired(log, event)
            case Recall():
                return self._recall(log, event)
            case Learn() | Propose() | Validated():
                return ()  # the judging around this machine answers them

    def _begin(self, event: Begin) -> tuple[Output, ...]:
        if self._open is not None and event.slot <= self._open.slot:
            raise ProtocolError(f"expected a slot after {self._open.slot}, found {event.slot}")
        self._open = Log(event.slot, self._trust.nodes)
        return ()

    # What arrives

    def _receive(self, log: Log, sender: NodeId, statement: Statement) -> tuple[Output, ...]:
        bit = self._trust.bits.get(sender)
        if bit is None or bit == self._bit:
            return (Reject(sender, f"{sender} is not one of the other nodes"),)
        if not isinstance(statement, PbftStatement):
            return (Reject(sender, "expected PBFT, found a statement of another protocol"),)
        if statement.slot != log.slot:
            return (Reject(sender, f"slot {statement.slot} is not open, slot {log.slot} is"),)
        if not 0 <= statement.view <= log.view + VIEWS_AHEAD_MAX:
            return (Reject(sender, f"view {statement.view} is too far from {log.view}"),)
        match statement:
            case ViewPrepare():
                return self._receive_vote(log, log.prepares, sender, bit, statement)
            case ViewCommit():
                return self._receive_vote(log, log.commits, sender, bit, statement)
            case ViewChange() | PrePrepare() | NewView():
                if reason := malformed(statement):
                    return (Reject(sender, reason),)
                if isinstance(statement, ViewChange):
                    return self._receive_change(log, sender, bit, statement)
                return self._receive_proposal(log, sender, bit, statement)

    def _receive_vote(
        self, log: Log, tally: Tally, sender: NodeId, bit: int, vote: ViewPrepare | ViewCommit
    ) -> tuple[Output, ...]:
        """Take in a prepare or a commit, of whatever view."""
        view = vote.view
        key = (view, vote.value)
        if tally.voters.get(key, 0) & bit:
            return ()
        commits = log.commits
        other = commits if tally is log.prepares else log.prepares
        differing = other.spoke.get(view, 0) & ~other.voters.get(key, 0)
        accusation: tuple[Output, ...] = ()
        # Without a view change only a second value in the same view can contradict anything.
        if (tally.spoke.get(view, 0) | differing) & bit or log.changes:
            accusation = _accuse(log, sender, bit, vote)
            if accusation and tally.faces(view, bit) >= FACES_MAX:
                return accusation
        # A quorum is what was signed, whatever else its members signed: a vote that contradicts
        # another one still counts, or a faulty node could keep a decision from some of us.
        voters = tally.take(key, bit)
        outputs: tuple[Output, ...] = ()
        # Most votes change nothing: one commits and decides only once in a view.
        if tally is commits:
            if log.decided is None:
                outputs = self._decide(log, key, voters)
        elif view != log.view or log.changing:
            outputs = self._reopen(log)
        elif not commits.spoke.get(view, 0) & self._bit:
            outputs = self._commit(log)
        return (*accusation, *outputs) if accusation else outputs

    def _receive_proposal(
        self, log: Log, sender: NodeId, bit: int, proposal: PrePrepare | NewView
    ) -> tuple[Output, ...]:
        primary = log.primary_of(proposal.view)
        if sender != primary:
            return (Reject(sender, f"{primary} leads view {proposal.view}, not {sender}"),)
        key = (proposal.view, proposal.value)
        again = log.proposals.get(key) == proposal
        if again and (proposal.view in log.accepted or key in log.unopened):
            return ()
        if isinstance(proposal, NewView):
            # PBFT 4.4: V contains 2f + 1 view changes, here a quorum that convinces this node.
            members = self._trust.members(proposal.changes)
            known = members.bit_count() == len(proposal.changes)
            if not (known and self._trust.convinces(self._node, members)):
                return (Reject(sender, "expected a new view that rests on a quorum"),)
        accusation = _accuse(log, sender, bit, proposal)
        if accusation and log.prepares.faces(proposal.view, bit) >= FACES_MAX:
            return accusation
        log.proposals.setdefault(key, proposal)
        # PBFT 4.2: 2f prepares and the pre-prepare: the proposal is its primary's vote.
        log.prepares.take(key, bit)
        outputs: tuple[Output, ...] = ()
        if proposal.view not in log.accepted:
            if isinstance(proposal, NewView):
                log.unopened.setdefault(key, proposal)
            elif log.view == 0 and not log.changing:
                outputs = self._enter(log, 0, proposal.value)
        return (*accusation, *(outputs or self._reopen(log)))

    def _receive_change(
        self, log: Log, sender: NodeId, bit: int, change: ViewChange
    ) -> tuple[Output, ...]:
        changes = log.changes.setdefault(change.view, {})
        faces = changes.get(sender, ())
        if change in faces:
            return ()
        accusation = _accuse(log, sender, bit, change)
        if len(faces) >= FACES_MAX:
            return accusation
        changes[sender] = (*faces, change)
        return (
            *accusation,
            *self._help(log, change),
            *self._join(log),
            *self._wait_for_new_view(log),
            *self._reopen(log),
        )

    # The three phases

    def _justified(self, log: Log, event: Justified) -> tuple[Output, ...]:
        if event.slot != log.slot or event.value in log.justified:
            return ()
        log.justified[event.value] = None
        if log.changing:
            return self._lead(log)
        return (*self._start_timer(log), *self._propose(log), *self._prepare(log))

    def _propose(self, log: Log) -> tuple[Output, ...]:
        """PRE-PREPARE: the primary of view 0 proposes its first justified value."""
        idle = log.view != 0 or log.accepted or log.primary_of(0) != self._node
        if idle or not log.justified:
            return ()
        proposal = PrePrepare(log.slot, 0, next(iter(log.justified)))
        self._say(log, proposal)
        return (Record(proposal), Broadcast(proposal), *self._commit(log))

    def _prepare(self, log: Log) -> tuple[Output, ...]:
        """PREPARE: a backup agrees to what it may decide, or to what is proven to be prepared."""
        value = log.accepted.get(log.view)
        if value is None or log.changing or log.prepares.spoke.get(log.view, 0) & self._bit:
            return ()
        if value not in log.justified and log.view not in log.carried:
            return ()  # remembered until it is justified
        prepare = ViewPrepare(log.slot, log.view, value)
        self._say(log, prepare)
        return (Record(prepare), Broadcast(prepare), *self._commit(log))

    def _commit(self, log: Log) -> tuple[Output, ...]:
        """COMMIT once prepared(m, v, n): the proposal, and a quorum that agrees to it."""
        value = log.accepted.get(log.view)
        if value is None or log.changing or log.commits.spoke.get(log.view, 0) & self._bit:
            return ()
        if not self._proven(log, (log.view, value)):
            return ()
        commit = ViewCommit(log.slot, log.view, value)
        voters = self._say(log, commit)
        return (Record(commit), Broadcast(commit), *self._decide(log, (log.view, value), voters))

    def _decide(self, log: Log, key: Prepared, voters: int) -> tuple[Output, ...]:
        """A quorum of commits of one view, whichever view this node is in by now."""
        # PBFT 4.2: 2f + 1 commits that match; f + 1 of them from correct nodes that prepared it.
        if log.decided is not None or not self._trust.convinces(self._node, voters):
            return ()
        log.decided = key
        return (*_stop_timer(log), Externalize(log.slot, key[1]))

    def _proven(self, log: Log, key: Prepared) -> bool:
        """Whether the statements held prove that a value was prepared in a view."""
        return self._trust.convinces(self._node, log.prepares.voters.get(key, 0))

    # The view change

    def _expired(self, log: Log, event: TimerExpired) -> tuple[Output, ...]:
        if event.slot != log.slot or event.timer != VIEW_TIMER or not log.timer_runs:
            return ()
        log.timer_runs = False
        return self._change_view(log, log.view + 1)

    def _join(self, log: Log) -> tuple[Output, ...]:
        """Follow a blocking set to a higher view, whether or not the timer runs."""
        # PBFT (TOCS 2002) 4.5.2: f + 1 view changes for greater views: send one for the smallest.
        wanting = 0
        for view in sorted(log.changes, reverse=True):
            if view <= log.view:
                break
            wanting |= self._trust.members(log.changes[view])
            if self._trust.blocks(self._node, wanting):
                return self._change_view(log, view)
        return ()

    def _change_view(self, log: Log, view: int) -> tuple[Output, ...]:
        """VIEW-CHANGE: give up the views below, and show what was prepared in them."""
        log.view, log.changing = view, True
        prepared_view, prepared_value = log.prepared or (None, None)
        change = ViewChange(log.slot, view, prepared_view, prepared_value)
        self._say(log, change)
        supporting = self._proof(log, log.prepared)
        return (
            *_stop_timer(log),
            Record(change),
            Broadcast(change, supporting),
            *self._wait_for_new_view(log),
            *self._reopen(log),
        )

    def _wait_for_new_view(self, log: Log) -> tuple[Output, ...]:
        """Start the timer for a new view only when enough nodes wait for it."""
        # PBFT (TOCS 2002) 4.5.2: having sent a view change, wait for 2f + 1 of them, then start
        # the timer; when it runs out before the new view has come, ask for the next one.
        if not log.changing or log.timer_runs:
            return ()
        waiting = 0
        for view, changes in log.changes.items():
            if view >= log.view:
                waiting |= self._trust.members(changes)
        return self._start_timer(log) if self._trust.convinces(self._node, waiting) else ()

    def _reopen(self, log: Log) -> tuple[Output, ...]:
        """Something of a view change arrived: enter a new view, or lead it, if that is enough."""
        for key in sorted(log.unopened, reverse=True):
            if key[0] < log.view or (key[0] == log.view and not log.changing):
                del log.unopened[key]
            else:
                outputs = self._open_view(log, log.unopened[key])
                if outputs:
                    return outputs
        return self._lead(log)

    def _open_view(self, log: Log, proposal: NewView) -> tuple[Output, ...]:
        """NEW-VIEW at a backup: check the proposal by computing it anew."""
        view, value = proposal.view, proposal.value
        counted = self._counted(log, view)
        if any(node not in counted for node in proposal.changes):
            return ()  # they, or their proofs, are still on the way
        del log.unopened[view, value]
        carried = carries(value, [counted[node] for node in proposal.changes])
        if carried is None:
            primary = log.primary_of(view)
            return (Reject(primary, f"new view {view} drops what was prepared"),)
        if carried:
            log.carried.add(view)
        return self._enter(log, view, value)

    def _lead(self, log: Log) -> tuple[Output, ...]:
        """NEW-VIEW at its primary: once a quorum asks for the view and there is a value for it."""
        if not log.changing or log.primary_of(log.view) != self._node:
            return ()
        counted = self._counted(log, log.view)
        if not self._trust.convinces(self._node, self._trust.members(counted)):
            return ()
        changes = {node: max(faces, key=rank) for node, faces in counted.items()}
        carried = last_prepared(changes.values())
        value = carried[1] if carried else next(iter(log.justified), None)
        if value is None:
            return ()  # PBFT has a null request for this; here the primary waits for its judging
        if carried:
            log.carried.add(log.view)
        proposal = NewView(log.slot, log.view, value, tuple(sorted(changes)))
        self._say(log, proposal)
        supporting = self._grounds(log, changes)
        said = (Record(proposal), Broadcast(proposal, supporting))
        return (*said, *self._enter(log, log.view, value))

    def _enter(self, log: Log, view: int, value: Digest) -> tuple[Output, ...]:
        """Be in a view whose proposal is checked."""
        entered = log.changing or view != log.view
        log.view, log.changing = view, False
        log.accepted[view] = value
        restart = _stop_timer(log) if entered else ()
        return (*restart, *self._start_timer(log), *self._prepare(log), *self._commit(log))

    def _counted(self, log: Log, view: int) -> dict[NodeId, tuple[ViewChange, ...]]:
        """The view changes to a view whose claims are proven by statements that are held."""
        changes = log.changes.get(view, {})
        claims = {claim_of(change) for faces in changes.values() for change in faces}
        proven = {claim for claim in claims if claim is None or self._proven(log, claim)}
        counted = {
            node: tuple(change for change in faces if claim_of(change) in proven)
            for node, faces in changes.items()
        }
        return {node: faces for node, faces in counted.items() if faces}

    def _proof(self, log: Log, key: Prepared | None) -> tuple[tuple[NodeId, PbftStatement], ...]:
        """Others' statements that prove that a value was prepared."""
        if key is None:
            return ()
        voters = log.prepares.voters.get(key, 0) & ~self._bit
        return tuple((node, log.vouched(node, key)) for node in self._trust.names(voters))

    def _grounds(
        self, log: Log, changes: dict[NodeId, ViewChange]
    ) -> tuple[tuple[NodeId, PbftStatement], ...]:
        """Others' statements on which a new view rests: each proof, then the view changes."""
        claims = {claim for change in changes.values() if (claim := claim_of(change))}
        proofs = [each for claim in sorted(claims) for each in self._proof(log, claim)]
        return (*proofs, *(item for item in sorted(changes.items()) if item[0] != self._node))

    def _help(self, log: Log, change: ViewChange) -> tuple[Output, ...]:
        """Show a node that asks for another view that the slot is decided."""
        # The paper's stragglers fetch a stable checkpoint; with one slot the commits are that.
        if log.decided is None or change.view <= log.helped:
            return ()
        voters = log.commits.voters[log.decided]
        if not voters & self._bit:
            return ()
        log.helped = change.view
        commit = ViewCommit(log.slot, *log.decided)
        others = self._trust.names(voters & ~self._bit)
        return (Broadcast(commit, tuple((node, commit) for node in others)),)

    # This node's own statements and timer

    def _say(self, log: Log, statement: PbftStatement) -> int:
        """Take in what this node says itself; for a vote return who voted alike."""
        match statement:
            case ViewChange(view=view):
                log.changes.setdefault(view, {})[self._node] = (statement,)
                return 0
            case ViewCommit(view=view, value=value):
                log.accepted[view] = value
                log.prepared = max(log.prepared or (view, value), (view, value))
                return log.commits.take((view, value), self._bit)
            case PrePrepare(view=view, value=value) | NewView(view=view, value=value):
                log.proposals[view, value] = statement
            case ViewPrepare(view=view, value=value):
                pass
        log.accepted[view] = value
        return log.prepares.take((view, value), self._bit)

    def _recall(self, log: Log, event: Recall) -> tuple[Output, ...]:
        """Take up where this node stopped: what it signed stands, and is said again."""
        said_again: list[Output] = []
        for statement in event.statements:
            if not isinstance(statement, PbftStatement) or statement.slot != log.slot:
                continue
            self._say(log, statement)
            said_again.append(Broadcast(statement))
            if isinstance(statement, ViewChange):
                claim = claim_of(statement)
                log.prepared = max(filter(None, (log.prepared, claim)), default=None)
            log.view = max(log.view, statement.view)
        log.changing = log.view > 0 and log.view not in log.accepted
        timer = self._wait_for_new_view(log) if log.changing else self._start_timer(log)
        return (*said_again, *timer)

    def _start_timer(self, log: Log) -> tuple[Output, ...]:
        """Start the view's timer, if the slot has something to decide and nothing is decided."""
        if log.timer_runs or log.decided is not None:
            return ()
        if not (log.changing or log.justified or log.view in log.accepted):
            return ()
        log.timer_runs = True
        doubled = self._timeouts.request_us << min(log.view, DOUBLINGS_MAX)
        delay = min(doubled, self._timeouts.cap_us)
        return (SetTimer(log.slot, VIEW_TIMER, delay),)


def _stop_timer(log: Log) -> tuple[Output, ...]:
    if not log.timer_runs:
        return ()
    log.timer_runs = False
    return (CancelTimer(log.slot, VIEW_TIMER),)


def _accuse(log: Log, sender: NodeId, bit: int, statement: PbftStatement) -> tuple[Output, ...]:
    """An accusation, if a statement contradicts an earlier one of its sender."""
    for earlier in log.said_by(sender, bit):
        if contradicts(earlier, statement):
            return (Accuse(sender, earlier, statement),)
    return ()
