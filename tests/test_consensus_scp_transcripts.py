"""One SCP node against transcripts: what it hears and what it has to say, as data.

The cases are those of stellar-core's own tests (each file names its source), written down anew. A
transcript is a tree: each leaf is a case, which begins with the steps of all its ancestors. A step
is ``[how, statement, emitted, timer]``. How:

    v1             this node says it
    blocking       v1 and v2 say it; only the second one may cause something
    quorum         v1 to v4 say it; only the third one may cause something
    delayed        the same, but only the fourth one may
    all            v1 to v4 say it; none may cause anything but what is emitted at the first
    bump           nomination gives this value, and the ballot's timer runs out if there is a ballot
    expire         this timer runs out
    recall         the node comes back from a crash and this is what it said last
    nominate       this value is the node's own, and all others are justified as well
    priority, leaders, combine, composite, running, stopped: see `Play`

A statement is spelled with p for p, q for p', c for nC and h for nH (``prepare A2 p=B2 q=A1``), a
nomination as ``votes / accepted``. Emitted is what the node broadcasts in the step, "" for nothing.
The timer is that of the ballot: *armed* in this step, *kept* from before, or *none*.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from consensus.messages import (
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Justified,
    Output,
    Recall,
    Receive,
    Record,
    SetTimer,
    TimerExpired,
)
from consensus.quorum import QuorumSet
from consensus.scp import BALLOT_TIMER, NOMINATION_TIMER, ScpNode, leaders
from consensus.statements import (
    COUNTER_MAX,
    Ballot,
    Confirm,
    Externalized,
    Nominate,
    Prepare,
    ScpStatement,
)
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

TRANSCRIPTS = Path(__file__).parent / "transcripts" / "scp"
SLOT = 1
NOTHING = Digest(bytes(32))
TIMERS = {"ballot": BALLOT_TIMER, "nomination": NOMINATION_TIMER}
Step = list[str]


@dataclass(frozen=True)
class Case:
    """A path from the root of a transcript to a leaf."""

    name: str
    setting: Mapping[str, Any]
    steps: list[Step]


def cases_of(node: Mapping[str, Any], path: str, before: list[Step]) -> Iterator[tuple[str, Any]]:
    name = f"{path}, {node['name']}"
    steps = before + [[str(field) for field in step] for step in node.get("steps", [])]
    branches = node.get("then", [])
    for branch in branches:
        yield from cases_of(branch, name, steps)
    if not branches:
        yield name, steps


def all_cases() -> list[Case]:
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.yaml")):
        setting = YAML(typ="safe").load(path)
        for name, steps in cases_of(setting["tree"], path.stem, []):
            found.append(Case(name, setting, steps))
    return found


CASES = all_cases()


class Words:
    """Reads and writes statements as the transcripts spell them."""

    def __init__(self, values: list[str], claim: Digest) -> None:
        self.values = {name: Digest(bytes([rank + 1]) * 32) for rank, name in enumerate(values)}
        self._names = {value: name for name, value in self.values.items()}
        self._claim = claim

    def read(self, text: str) -> ScpStatement:
        kind, *fields = text.split()
        if kind == "nominate":
            votes, _, accepted = " ".join(fields).partition(" / ")
            return Nominate(SLOT, self._claim, self._set(votes), self._set(accepted))
        ballot = self._ballot(fields[0])
        found = dict(field.split("=") for field in fields[1:])
        low, high = (self._counter(found.get(name, "0")) for name in ("c", "h"))
        if kind == "prepare":
            p, prime = (self._ballot(found[name]) if name in found else None for name in "pq")
            return Prepare(SLOT, self._claim, ballot, p, prime, low, high)
        if kind == "confirm":
            return Confirm(SLOT, self._claim, ballot, self._counter(found["p"]), low, high)
        assert kind == "externalize"
        return Externalized(SLOT, self._claim, ballot, high)

    def _set(self, text: str) -> tuple[Digest, ...]:
        return tuple(sorted(self.values[name] for name in text.split(",") if name))

    def _ballot(self, text: str) -> Ballot:
        match = re.fullmatch(r"([A-Za-z]+?)(\d+|inf)", text)
        assert match, text
        return Ballot(self._counter(match[2]), self.values[match[1]])

    def _counter(self, text: str) -> int:
        return COUNTER_MAX if text == "inf" else int(text)


class Play:
    """A node, what it was told, and what it said."""

    def __init__(self, setting: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        count, self.watcher = setting["nodes"], setting.get("watcher", False)
        voters = tuple(NodeId(f"v{number}") for number in range(count))
        self.me = NodeId("w") if self.watcher else voters[0]
        quorum_set = QuorumSet(setting["threshold"], voters)
        self.trust = Trust(dict.fromkeys({*voters, self.me}, quorum_set))
        self.others = [voter for voter in voters if voter != self.me]
        self.words = Words(setting["values"], self.trust.digests[self.me])
        self.top = self.me
        self.choice: Digest | None = None
        self.named: set[Digest] = set()
        self.running: set[str] = set()
        self.decided: list[Digest] = []
        monkeypatch.setattr(leaders, "draw", self.draw)
        self.node = ScpNode(self.me, self.trust, combine=lambda named: self.choice or max(named))
        self.node.step(Begin(SLOT, self.me, NOTHING, NOTHING))

    def draw(self, slot: int, previous: Digest, tag: int, number: int, subject: Any) -> int:
        """Everybody is a neighbour, ``top`` has the priority, values go by their order."""
        if tag == leaders.Tag.PRIORITY:
            return 1000 if subject == self.top else 1
        return 0

    def take(self, step: Step) -> None:
        how, what = step[0], step[1]
        match how:
            case "priority":
                self.top = NodeId(what)
            case "leaders":
                assert self.slot.nomination.leaders == set(what.split(","))
            case "combine":
                self.choice = self.words.values[what]
            case "composite":
                assert self.slot.balloting.composite == self.words.values[what]
            case "running":
                assert TIMERS[what] in self.running
            case "stopped":
                assert TIMERS[what] not in self.running
            case _:
                self.act(how, what, *step[2:])

    @property
    def slot(self) -> Any:
        return self.node._open

    def act(self, how: str, what: str, emitted: str, timer: str = "") -> None:
        said: list[list[ScpStatement]] = []
        armed = False
        for event in self.events(how, what):
            outputs = self.node.step(event)
            said.append(self.listen(outputs, isinstance(event, Recall)))
            armed |= any(isinstance(o, SetTimer) and o.timer == BALLOT_TIMER for o in outputs)
        expected = [self.words.read(emitted)] if emitted else []
        if how == "bump":
            said = [[each for each in once if not isinstance(each, Nominate)] for once in said]
        flat = [each for once in said for each in once]
        assert flat == expected
        if how in ("blocking", "quorum", "delayed"):
            position = {"blocking": 1, "quorum": 2, "delayed": 3}[how]
            assert said[position] == expected
        if timer:
            state = "armed" if armed else "kept" if BALLOT_TIMER in self.running else "none"
            assert state == timer

    def events(self, how: str, what: str) -> Iterator[Any]:
        match how:
            case "bump":
                yield from self.bump(self.words.values[what])
            case "expire":
                self.running.discard(TIMERS[what])
                yield TimerExpired(SLOT, TIMERS[what])
            case "recall":
                yield Recall((self.words.read(what),))
            case "nominate":
                own = self.words.values[what]
                for value in (own, *self.words.values.values()):
                    yield Justified(SLOT, value)
            case _:
                senders = {"blocking": self.others[:2]}.get(how, self.others)
                if re.fullmatch(r"v\d", how):
                    senders = [NodeId(how)]
                for sender in senders:
                    yield Receive(sender, self.words.read(what))

    def bump(self, value: Digest) -> Iterator[Any]:
        """All others nominate and accept the value, so it becomes the composite candidate."""
        started = self.slot.balloting.b is not None
        if value not in self.named:
            self.choice = value
            self.named.add(value)
            named = tuple(sorted(self.named))
            for sender in self.others:
                claim = self.trust.digests[sender]
                yield Receive(sender, Nominate(SLOT, claim, named, named))
        if started:
            self.running.discard(BALLOT_TIMER)
            yield TimerExpired(SLOT, BALLOT_TIMER)

    def listen(self, outputs: tuple[Output, ...], recalled: bool) -> list[ScpStatement]:
        """Follow the timers, check what is decided, and return what is broadcast."""
        said: list[ScpStatement] = []
        recorded = [output.statement for output in outputs if isinstance(output, Record)]
        for output in outputs:
            match output:
                case Broadcast(statement=statement):
                    assert isinstance(statement, ScpStatement)
                    said.append(statement)
                case SetTimer(timer=timer):
                    self.running.add(timer)
                case CancelTimer(timer=timer):
                    assert timer in self.running
                    self.running.discard(timer)
                case Externalize(value=value):
                    self.decided.append(value)
                case _:
                    pass
        assert recorded == ([] if recalled else said)
        assert len(self.decided) <= 1
        decisions = [each.commit.value for each in said if isinstance(each, Externalized)]
        assert not decisions or decisions == self.decided
        return said


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_node_says_what_the_transcript_says(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(case.setting, monkeypatch)
    for number, step in enumerate(case.steps):
        try:
            play.take(step)
        except AssertionError as error:
            error.add_note(f"step {number}: {step}")
            raise


def test_there_are_as_many_transcripts_as_were_written() -> None:
    assert len(CASES) >= 100


def test_every_transcript_names_its_source() -> None:
    assert all(case.setting["source"].startswith("stellar-core ") for case in CASES)
