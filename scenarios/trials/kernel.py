"""The honest path of a counting protocol, without events: an order statistic over who hears when.

With no faults and no losses, each hospital says the same few things in the same order, and says the
next one when it has heard a certain number of others. When that is follows from the matrix of all
arrivals, by numpy. The delays are those that the network of the event engine draws
(`scenarios.trials.swift`), so the outcome is that engine's, to the last count of messages
(`tests/test_trials_kernel.py`); where it cannot be, because a timer would run out or events at one
microsecond would have to be told apart, there is none, and the events have to be played.

What it serves is one slot of `majority`, `authority` or `pbft` under one flat quorum set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from consensus.quorum import QuorumSet
from consensus.statements import (
    PrePrepare,
    Statement,
    Verdict,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from crypto.digest import DIGEST_SIZE, Digest
from crypto.identity import NodeId

from ..schema_faults import hospital_of
from ..schema_network import Normal
from ..simulation.delays import draw, sampled
from . import swift
from .checker import Checker
from .outcome import SlotLatency, TrialOutcome
from .trial import Trial
from .values import accepts, proposal_of, reason_of, values_of
from .wire import statement_bytes
from .world import Decision

_SLOT = 1
_LEADER = 0
_VOTES = {"majority": 1, "authority": 0, "pbft": 2}
"""The protocols, and how often each hospital speaks in them once it has judged."""

_KEPT_MAX = 256
"""Sizes of statements, and coalitions, that are kept for the next replica of a study."""

Numbers = npt.NDArray[np.int64]
"""Places of hospitals in the order of their names."""

Times = npt.NDArray[np.int64]
"""Simulated microseconds."""

NEVER = np.iinfo(np.int64).max // 4
"""Later than anything that happens."""


def serves(trial: Trial) -> bool:
    """Whether the kernel can play trials of this kind at all."""
    plain = (
        trial.protocol in _VOTES
        and trial.swift
        and trial.slots == 1
        and not trial.faults
        and not trial.network.loss_ppm
        and len(trial.quorum_sets) > 1
        and swift.serves(trial.network, ())
    )
    return plain and _coalition(trial) is not None


def play(trial: Trial) -> TrialOutcome | None:
    """Play a trial that the kernel serves; None if its events have to be played."""
    coalition = _coalition(trial)
    if coalition is None:
        return None
    run = _Run(trial, coalition)
    justified = run.tell() if trial.mode == "bare" else run.judge()
    if justified is None:
        return None
    decided = run.agree(justified) if trial.protocol == "pbft" else run.vote(justified)
    return None if decided is None else run.outcome(justified.value, decided)


@dataclass(frozen=True, slots=True)
class _Coalition:
    """Hospitals under one flat quorum set."""

    names: tuple[NodeId, ...]
    """The hospitals, sorted: the first one leads slot 1, and view 0 of PBFT."""
    threshold: int
    """How many validators convince."""
    blocking: int
    """How many block."""
    validators: Numbers
    """The hospitals that count, ascending."""
    authority: int
    """The one that decides alone, with the protocol `authority`."""


def _coalition(trial: Trial) -> _Coalition | None:
    """The coalition, if one flat quorum set that can be satisfied is everybody's."""
    sets = iter(trial.quorum_sets.values())
    first = next(sets)
    if first.inner_sets or any(each is not first and each != first for each in sets):
        return None
    names = trial.hospitals
    return _flat(first, names, trial.authority or names[0])


@lru_cache(_KEPT_MAX)
def _flat(quorum_set: QuorumSet, names: tuple[NodeId, ...], authority: NodeId) -> _Coalition | None:
    counted = set(quorum_set.validators)
    numbers = [number for number, name in enumerate(names) if name in counted]
    # Sizes are told by the length of a name, so that it has to have as many bytes.
    strange = any(not name.isascii() or hospital_of(name) != name for name in names)
    satisfiable = 1 <= quorum_set.threshold <= len(numbers)
    if strange or not satisfiable or len(counted) < quorum_set.entry_count:
        return None
    if authority not in names:
        return None
    blocking = quorum_set.entry_count - quorum_set.threshold + 1
    validators = np.array(numbers, np.int64)
    return _Coalition(names, quorum_set.threshold, blocking, validators, names.index(authority))


@dataclass(frozen=True, slots=True)
class _Wave:
    """One broadcast of each hospital, or of a single one."""

    sent: Times
    """int64[n]: when; `NEVER` for who does not."""
    heard: Times
    """int64[n, n]: when whose (row) is heard by whom (column); by oneself when one says it."""
    sizes: npt.NDArray[np.int64]
    """int64[n]: bytes of each one's message."""


@dataclass(frozen=True, slots=True)
class _Justified:
    """What may be decided."""

    value: Digest
    """The value."""
    at_us: Times
    """int64[n]: since when, at each hospital."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """The decisions: each when enough of the last wave was heard."""

    at_us: Times
    """int64[n]: when, at each hospital."""
    voters: Numbers
    """The hospitals that count."""
    needed: int
    """How many of them decide."""


class _Run:
    """A trial that is played wave by wave."""

    def __init__(self, trial: Trial, coalition: _Coalition) -> None:
        self._trial = trial
        self._coalition = coalition
        self._count = len(coalition.names)
        self._waves: list[_Wave] = []
        self._validated = np.full(1, NEVER)
        self._deadline_us = trial.time_limit_us
        self._lanes = [0] * self._count
        self._delays = self._draw()

    # What happens before there is something to decide.

    def tell(self) -> _Justified:
        """Bare mode: everybody is told at once."""
        return _Justified(values_of(_SLOT).accepted, np.zeros(self._count, np.int64))

    def judge(self) -> _Justified | None:
        """Judged mode: the leader's proposal, then everybody's verdict on it."""
        trial, coalition = self._trial, self._coalition
        proposal = proposal_of(_SLOT, 0)
        heard = self._say_alone(_LEADER, 0, self._sizes(proposal))
        self._validated = stated = heard + trial.waits.validate_us
        self._over_by(trial.waits.proposal_us)
        self._over_by(int(stated.min()) + trial.waits.verdict_us)
        accepting = np.array([accepts(trial, _SLOT, name) for name in coalition.names])
        yes, no = (
            self._sizes(Verdict(_SLOT, proposal.candidate, accept, reason_of(accept), ()))
            for accept in (True, False)
        )
        verdicts = self._say(stated, np.where(accepting, yes, no))
        counted = accepting[coalition.validators]
        for value, judges, needed in (
            (proposal.accepted, coalition.validators[counted], coalition.threshold),
            (proposal.rejected, coalition.validators[~counted], coalition.blocking),
        ):
            if len(judges) >= needed:
                # Nobody may decide anything before he has judged himself.
                return _Justified(value, np.maximum(stated, _nth(verdicts, judges, needed)))
        return None

    # The protocols.

    def vote(self, justified: _Justified) -> _Decided:
        """Majority: a vote once it is justified. With an authority only its own vote counts."""
        coalition, sizes = self._coalition, self._sizes(Vote(_SLOT, justified.value))
        if self._trial.protocol == "authority":
            alone = coalition.authority
            heard = self._say_alone(alone, int(justified.at_us[alone]), sizes)
            return _Decided(heard, np.array([alone]), 1)
        votes = self._say(justified.at_us, sizes)
        return self._convinced(votes)

    def agree(self, justified: _Justified) -> _Decided | None:
        """PBFT: pre-prepare or prepare, then commit."""
        value, at_us = justified.value, justified.at_us
        proposed = at_us[_LEADER] + self._next(_LEADER)
        self._over_by(int(min(at_us.min(), proposed.min())) + self._trial.waits.view_us)
        prepare = np.maximum(proposed, at_us)
        sizes = self._sizes(ViewPrepare(_SLOT, 0, value)).copy()
        sizes[_LEADER] = self._sizes(PrePrepare(_SLOT, 0, value))[_LEADER]
        prepares = self._say(prepare, sizes)
        # Whoever is told late may have to commit before it can prepare: then it says the two in
        # the other order, and their delays are exchanged.
        late = at_us >= proposed
        late[_LEADER] = False
        if late.any():
            earlier = (prepares[self._coalition.validators] <= prepare).sum(0)
            earlier[self._coalition.validators] -= 1  # its own
            if (late & (earlier >= self._coalition.threshold)).any():
                return None
        commit = np.maximum(proposed, self._convinced(prepares).at_us)
        commits = self._say(commit, self._sizes(ViewCommit(_SLOT, 0, value)))
        return self._convinced(commits)

    def _convinced(self, heard: Times) -> _Decided:
        """When each hospital has heard a quorum."""
        validators, threshold = self._coalition.validators, self._coalition.threshold
        return _Decided(_nth(heard, validators, threshold), validators, threshold)

    # The network.

    def _draw(self) -> Times:
        """The delays of each hospital's messages, in the order of sending: int64[n, messages]."""
        trial, receivers = self._trial, self._count - 1
        block = swift.block_of(receivers)
        latency = sampled(trial.network.latency)
        blocks = [-(-receivers * said // block) for said in self._broadcasts()]
        drawn = np.zeros((self._count, block * max(blocks)))
        for number, name in enumerate(self._coalition.names):
            if not blocks[number]:
                continue
            generator, end = swift.lane_stream(trial.seed, name), block * blocks[number]
            # Only a normal delay depends on the block: a negative one is drawn again at its end.
            step = block if isinstance(latency, Normal) else end
            for start in range(0, end, step):
                drawn[number, start : start + step] = draw(latency, generator, step)
        return swift.whole_us(drawn)

    def _broadcasts(self) -> Sequence[int]:
        """How often each hospital speaks."""
        trial, judged = self._trial, self._trial.mode == "judged"
        said = [int(judged) + _VOTES[trial.protocol]] * self._count
        said[_LEADER] += judged
        if trial.protocol == "authority":
            said[self._coalition.authority] += 1
        return said

    def _say(self, sent: Times, sizes: npt.NDArray[np.int64]) -> Times:
        """Let each hospital broadcast; when each is heard, see `_Wave`."""
        count, receivers, lanes = self._count, self._count - 1, self._lanes
        start = lanes[-1] * receivers
        delays = self._delays[:, start : start + receivers].copy()
        for number, lane in enumerate(lanes):
            if lane != lanes[-1]:
                delays[number] = self._delays[number, lane * receivers :][:receivers]
            lanes[number] += 1
        delays += sent[:, None]
        flat = np.empty(count * count, np.int64)
        # All but the diagonal of a square, row by row.
        flat[1:].reshape(receivers, count + 1)[:, :-1] = delays.reshape(receivers, count)
        flat[:: count + 1] = sent
        heard = flat.reshape(count, count)
        self._waves.append(_Wave(sent, heard, sizes))
        return heard

    def _say_alone(self, number: int, at_us: int, sizes: npt.NDArray[np.int64]) -> Times:
        """Let one hospital broadcast; when it is heard by each: int64[n]."""
        sent = np.full(self._count, NEVER)
        sent[number] = at_us
        heard = np.full((self._count, self._count), NEVER)
        row: Times = at_us + self._next(number)
        heard[number] = row
        self._lanes[number] += 1
        self._waves.append(_Wave(sent, heard, sizes))
        return row

    def _next(self, number: int) -> Times:
        """The delays of a hospital's next broadcast to each, none to itself: int64[n]."""
        receivers = self._count - 1
        start = self._lanes[number] * receivers
        delays: Times = np.insert(self._delays[number, start : start + receivers], number, 0)
        return delays

    def _sizes(self, statement: Statement) -> npt.NDArray[np.int64]:
        return _sizes(statement, self._coalition.names, self._trial.signature_bytes)

    def _over_by(self, time_us: int) -> None:
        """A timer runs out then: the events have to be played if there is no decision before."""
        self._deadline_us = min(self._deadline_us, time_us)

    # The end.

    def outcome(self, value: Digest, decided: _Decided) -> TrialOutcome | None:
        """What comes out; the trial is over with the last decision."""
        first, end = int(decided.at_us.min()), int(decided.at_us.max())
        handled = self._handled_until(end, decided)
        if handled is None or end >= self._deadline_us:
            return None
        receivers, messages, size = self._count - 1, 0, 0
        for wave in self._waves:
            spoke = wave.sent <= end
            messages += receivers * int(spoke.sum())
            size += receivers * int(wave.sizes[spoke].sum())
        nobody: frozenset[NodeId] = frozenset()
        return TrialOutcome(
            # Nothing can be violated without faults: the words of a checker that saw nothing wrong.
            Checker(nobody, nobody, nobody, _SLOT, lambda: None).findings(
                blocked=False, quiet=False
            ),
            {
                str(name): (Decision(_SLOT, value, at_us, 0),)
                for name, at_us in zip(self._coalition.names, decided.at_us.tolist(), strict=True)
            },
            (SlotLatency(_SLOT, first, end),),
            messages,
            size,
            0,
            handled,
            end,
            nobody,
            nobody,
            nobody,
            (),
        )

    def _handled_until(self, end: int, decided: _Decided) -> int | None:
        """How many messages are handled up to the last decision; None if that cannot be told."""
        before = at_end = 0
        for wave in self._waves:
            before += int((wave.heard < end).sum()) - int((wave.sent < end).sum())
            at_end += int((wave.heard == end).sum()) - int((wave.sent == end).sum())
        if not at_end or (self._validated == end).any():
            return None  # decided by one's own judgement, or by what came when it was made
        if at_end == 1:
            return before + 1
        last = self._last_of_these(end, decided)
        return None if last is None else before + last

    def _last_of_these(self, end: int, decided: _Decided) -> int | None:
        """Of the messages that arrive in the last microsecond, how many are handled.

        They are handled in the order in which they were sent. Of what several send in one
        microsecond the order is known only at the start, when they speak in turn.
        """
        if any((wave.sent == end).any() for wave in self._waves):
            return None
        arriving = [
            (int(wave.sent[sender]), int(sender), number, int(receiver))
            for number, wave in enumerate(self._waves)
            for sender, receiver in np.argwhere(wave.heard == end)
        ]
        senders: dict[int, int] = {}
        for sent_us, sender, _, _ in arriving:
            if sent_us and senders.setdefault(sent_us, sender) != sender:
                return None
        voters = set(decided.voters.tolist())
        votes, last = len(self._waves) - 1, 0
        heard = (self._waves[votes].heard[decided.voters] < end).sum(0)
        for place, (_, sender, number, receiver) in enumerate(sorted(arriving), start=1):
            if number == votes and sender in voters:
                heard[receiver] += 1
                if heard[receiver] == decided.needed:
                    last = place
        return last


def _nth(heard: Times, who: Numbers, needed: int) -> Times:
    """When each hospital has heard so many of some: int64[n]."""
    ordered: Times = np.partition(heard[who].T, needed - 1, axis=1)
    return ordered[:, needed - 1]


@lru_cache(_KEPT_MAX)
def _sizes(
    statement: Statement, names: tuple[NodeId, ...], signature_bytes: int
) -> npt.NDArray[np.int64]:
    """The bytes of a statement, by each hospital: int64[n]."""
    quorum_set = Digest(bytes(DIGEST_SIZE))
    of_length = {
        len(name): statement_bytes((name, statement), quorum_set, signature_bytes) for name in names
    }
    return np.array([of_length[len(name)] for name in names], np.int64)
