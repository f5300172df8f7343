"""Catching up in the full engine: what a peer offers is checked, as an audit would, or refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.digest import sha256
from crypto.encoding import decode, encode
from crypto.identity import NodeId
from ledger.block import Block, RecordType, decode_block, encode_block
from ledger.candidate import EndCandidate, ModelCandidate
from scenarios.simulation import catching_up
from scenarios.simulation.catching_up import BLOCKS_MAX
from scenarios.simulation.hospital import Hospital
from scenarios.simulation.wire import MissedAnswer, MissedRequest
from tests.engine import PROTOCOLS, Run, check_harmless, crash, faults, run
from tests.forge import model_bytes

VICTIM = "hospital-4"
"""It leads none of the three slots of a small run."""
OTHERS = ["hospital-1", "hospital-2", "hospital-3"]
CUT_OFF = {
    "kind": "partition",
    "groups": [[VICTIM], OTHERS],
    "start": "0 s",
    "heal": "7 s",
    "drop": True,
}
"""The others finish without it: three of four are a quorum."""

Offer = tuple[tuple[bytes, tuple[bytes, ...]], ...]
Forge = Callable[[Offer], Offer]


def first_block(change: Callable[[Block], Block]) -> Forge:
    """Offer the first block with another content."""

    def forge(offer: Offer) -> Offer:
        (payload, files), *rest = offer
        return ((encode_block(change(decode_block(payload)[0])), files), *rest)

    return forge


def core(**changes: Any) -> Forge:
    return first_block(lambda block: replace(block, core=replace(block.core, **changes)))


def seal(**changes: Any) -> Forge:
    return first_block(lambda block: replace(block, seal=replace(block.seal, **changes)))


def files(*contents: bytes) -> Forge:
    return lambda offer: ((offer[0][0], contents), *offer[1:])


def payload(change: Callable[[bytes], bytes]) -> Forge:
    return lambda offer: ((change(offer[0][0]), offer[0][1]), *offer[1:])


def with_one_vote(block: Block) -> Block:
    return replace(block, seal=replace(block.seal, votes=block.seal.votes[:1]))


def with_an_altered_vote(block: Block) -> Block:
    vote, *rest = block.seal.votes
    altered = replace(vote, signature=bytes([vote.signature[0] ^ 1]) + vote.signature[1:])
    return replace(block, seal=replace(block.seal, votes=(altered, *rest)))


def with_turned_verdicts(block: Block) -> Block:
    turned = tuple(replace(each, accept=not each.accept) for each in block.seal.verdicts)
    return replace(block, seal=replace(block.seal, verdicts=turned))


def with_other_verdict(block: Block) -> Block:
    verdict, *rest = block.seal.verdicts
    return replace(block, seal=replace(block.seal, verdicts=(replace(verdict, scores=()), *rest)))


def with_votes_of_the_next(offer: Offer) -> Offer:
    """The certificate of another block of the same chain."""
    (payload, files), (following, _), *_ = offer
    block, other = decode_block(payload)[0], decode_block(following)[0]
    votes = replace(block.seal, votes=other.seal.votes)
    return ((encode_block(replace(block, seal=votes)), files),)


def ended_at_once(block: Block) -> Block:
    assert isinstance(block.core.body, ModelCandidate)
    end = EndCandidate(1, 0, block.core.body.base)
    return replace(block, core=replace(block.core, type=RecordType.END, body=end))


def with_another_author(block: Block) -> Block:
    body = block.core.body
    assert isinstance(body, ModelCandidate)
    entry = replace(body.updates[0], author=NodeId("hospital-2"))
    return replace(block, core=replace(block.core, body=replace(body, updates=(entry,))))


def with_a_key_too_many(whole: bytes) -> bytes:
    """A file of evidence beside what is no evidence."""
    value: Any = decode(whole)
    value["seal"]["exhibit"] = sha256(b"x")
    return encode(value)


FORGERIES: dict[str, tuple[Forge, str]] = {
    "another predecessor": (core(prev=sha256(b"x")), "BAD_PREV"),
    "another chain": (core(chain=sha256(b"x")), "BAD_CHAIN"),
    "another height": (core(height=2, slot=2), "BAD_HEIGHT"),
    "another slot": (core(slot=2), "BAD_SLOT"),
    "another time": (core(time_us=9), "BAD_PROPOSAL"),
    "another proposer": (core(proposer=NodeId("hospital-2")), "BAD_PROPOSER"),
    "another outcome": (core(type=RecordType.REJECTED), "UNJUSTIFIED"),
    "another author": (first_block(with_another_author), "BAD_PROPOSAL"),
    "the end, too early": (first_block(ended_at_once), "BAD_ROUND"),
    "the last block first": (lambda offer: offer[-1:], "BAD_HEIGHT"),
    "no proposal": (seal(proposal=None), "BAD_PROPOSAL"),
    "no attestation": (seal(attestations=()), "BAD_ATTESTATION"),
    "no verdicts": (seal(verdicts=()), "UNJUSTIFIED"),
    "turned verdicts": (first_block(with_turned_verdicts), "signature"),
    "another verdict": (first_block(with_other_verdict), "signature"),
    "no votes": (seal(votes=()), "NO_QUORUM"),
    "one vote": (first_block(with_one_vote), "NO_QUORUM"),
    "votes of another value": (with_votes_of_the_next, "signature"),
    "an altered signature": (first_block(with_an_altered_vote), "signature"),
    "an exhibit": (payload(with_a_key_too_many), "BAD_SCHEMA"),
    "no file": (files(), "BAD_FILE"),
    "an empty file": (files(b""), "BAD_FILE"),
    "another file": (files(model_bytes(1)), "BAD_FILE"),
    "a file too many": (lambda o: ((o[0][0], (*o[0][1], b"x")), *o[1:]), "BAD_FILE"),
    "too many blocks": (lambda offer: offer[:1] * (BLOCKS_MAX + 1), "TOO_MANY"),
    "no encoding": (payload(lambda _: b"\xff"), "BAD_ENCODING"),
    "nothing": (payload(lambda _: b""), "BAD_ENCODING"),
    "half a block": (payload(lambda whole: whole[: len(whole) // 2]), "BAD_ENCODING"),
    "a block and more": (payload(lambda whole: whole + b"\x00"), "BAD_ENCODING"),
}
"""What a liar offers in the place of sound blocks, and why it is refused."""


class Liars:
    """Offer the victim every forgery before each sound answer."""

    def __init__(self, forgeries: dict[str, tuple[Forge, str]]) -> None:
        self.forgeries = forgeries
        self.heights: list[int] = []
        """Of the victim's replica, after each forgery."""

    def __call__(self, hospital: Hospital, sender: str, message: Any) -> list[Any]:
        if hospital.instance != VICTIM or not isinstance(message, MissedAnswer):
            return [message]
        if not message.blocks or hospital.replica.state.height or self.heights:
            return [message]
        forged = [
            replace(message, blocks=forge(message.blocks), statements=())
            for forge, _ in self.forgeries.values()
        ]
        for each in forged:
            hospital._take_missed(each)
            self.heights.append(hospital.replica.state.height)
        return [message]


def check_caught_up(found: Run) -> None:
    check_harmless(found)
    assert {(row.height, row.chain_head) for row in found.outcome.instances} == {
        (found.outcome.rounds[-1].height, found.outcome.chain_head)
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_forged_block_is_refused_with_its_reason_and_changes_nothing(
    tmp_path: Path, protocol: str
) -> None:
    liars = Liars(FORGERIES)
    found = run(tmp_path, change=liars, protocol={"name": protocol}, faults=[CUT_OFF])
    reasons = [line["reason"] for line in found.lines("refuse", VICTIM)][: len(FORGERIES)]
    for (name, (_, expected)), reason in zip(FORGERIES.items(), reasons, strict=True):
        assert expected in reason, name
    assert liars.heights == [0] * len(FORGERIES)
    check_caught_up(found)


def with_exhibit(content: bytes) -> Forge:
    """Let the evidence block's seal name another file; nobody has signed which one it names."""

    def forge(offer: Offer) -> Offer:
        made = []
        for payload, files in offer:
            block = decode_block(payload)[0]
            if block.core.type is RecordType.EVIDENCE:
                named = replace(block.seal, exhibit=sha256(content))
                payload, files = encode_block(replace(block, seal=named)), (content,)
            made.append((payload, files))
        return tuple(made)

    return forge


def without_exhibit(offer: Offer) -> Offer:
    evident = [decode_block(each)[0].core.type is RecordType.EVIDENCE for each, _ in offer]
    return tuple(
        (payload, () if is_evidence else files)
        for is_evidence, (payload, files) in zip(evident, offer, strict=True)
    )


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (without_exhibit, "BAD_FILE"),
        (with_exhibit(b"x"), "BAD_ENCODING"),
        (with_exhibit(model_bytes(1)), "BAD_ENCODING"),
    ],
    ids=["none", "noise", "a model"],
)
def test_evidence_without_what_shows_it_is_refused(
    tmp_path: Path, forge: Forge, reason: str
) -> None:
    """The first of five is two-faced; the victim hears of it only from the chain."""
    liars = Liars({"exhibit": (forge, reason)})
    others = [*OTHERS, "hospital-1/twin", "hospital-5"]
    found = run(
        tmp_path,
        change=liars,
        hospitals=5,
        faults=[
            *faults("{kind: twin, hospital: hospital-1}"),
            {**CUT_OFF, "groups": [[VICTIM], others]},
        ],
    )
    assert "evidence" in found.types
    refused = [line["reason"] for line in found.lines("refuse", VICTIM)]
    assert any(reason in each for each in refused), refused
    assert liars.heights == [found.types.index("evidence")]
    assert set(found.verdicts.values()) == {"held"}
    assert not found.report.findings


def test_many_slots_are_caught_up_with_several_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "BLOCKS_MAX", 3)
    cut_off = {**CUT_OFF, "heal": "30 s"}
    found = run(tmp_path, rounds=8, protocol={"name": "majority"}, faults=[cut_off])
    caught = found.lines("catch-up", VICTIM)
    assert [line["height"] for line in caught] == [3, 6, 9]
    assert len({line["by"] for line in caught}) > 1  # each of the others in turn
    check_caught_up(found)


def test_who_has_finished_still_answers(tmp_path: Path) -> None:
    found = run(tmp_path, faults=[crash(VICTIM, 1, 30_000_000)])
    ended = {line["at"]: line["time_us"] for line in found.lines("append")}
    assert all(ended[other] < 30_000_000 for other in OTHERS)
    assert [line["height"] for line in found.lines("catch-up", VICTIM)] == [3]
    check_caught_up(found)


LOSSES = {
    "10 %": ({"loss": "10 %", "retransmit": "never"}, []),
    "30 %": ({"loss": "30 %", "retransmit": "never"}, []),
    "partition": ({}, [{**CUT_OFF, "groups": [["hospital-1", VICTIM], OTHERS[1:]]}]),
    "firewall": (
        {},
        faults(
            "{kind: firewall, senders: [hospital-1], receivers: [hospital-2, hospital-3], "
            "from_round: 1, until_round: 2, drop: true}"
        ),
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_messages_that_are_lost_for_good_cost_time_only(
    tmp_path: Path, protocol: str, loss: str
) -> None:
    network, more = LOSSES[loss]
    latency = {"distribution": "uniform", "low": "10 ms", "high": "30 ms"}
    found = run(
        tmp_path,
        network={"latency": latency, **network},
        protocol={"name": protocol, "catch_up": "500 ms"},
        faults=more,
    )
    check_caught_up(found)


# Liars that answer


def nonsense(message: MissedAnswer) -> MissedAnswer:
    return replace(message, height=10**9, blocks=((b"\x00" * 9, ()),), statements=())


def old_news(message: MissedAnswer) -> MissedAnswer:
    """One sound block, and that this is all there is."""
    return replace(message, height=1, blocks=message.blocks[:1], statements=())


def silence(message: MissedAnswer) -> MissedAnswer:
    return replace(message, height=0, blocks=(), statements=())


@pytest.mark.parametrize("lie", [nonsense, old_news, silence])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_answers_nonsense_stops_nobody_because_others_are_asked_in_turn(
    tmp_path: Path, protocol: str, lie: Callable[[MissedAnswer], MissedAnswer]
) -> None:
    """Only the last that is asked tells the truth; nobody repeats anything by itself."""

    def change(hospital: Hospital, sender: str, message: Any) -> list[Any]:
        lies = hospital.instance == VICTIM and isinstance(message, MissedAnswer)
        return [lie(message) if lies and sender != "hospital-3" else message]

    found = run(
        tmp_path,
        change=change,
        protocol={"name": protocol},
        faults=[crash(VICTIM, 1, 30_000_000)],
    )
    check_caught_up(found)


def test_an_answer_that_comes_from_nowhere_is_checked_all_the_same(tmp_path: Path) -> None:
    """A hospital that asked nothing and is not behind hears a forged block of the next height."""
    sent: list[str] = []

    def change(hospital: Hospital, sender: str, message: Any) -> list[Any]:
        state = hospital.replica.state
        if hospital.instance != VICTIM or state.height != 1 or sent:
            return [message]
        blocks = tuple(hospital.replica.blocks_after(0, 1))
        block = decode_block(blocks[0][0])[0]
        ahead = replace(block, core=replace(block.core, height=2, slot=2, prev=state.head))
        sent.append(sender)
        forged = ((encode_block(ahead), blocks[0][1]),)
        return [MissedAnswer(NodeId(sender), 2, forged, ()), message]

    found = run(tmp_path, change=change)
    assert sent
    assert found.lines("refuse", VICTIM)
    check_caught_up(found)


@pytest.mark.parametrize("height", [-5, 0, 2, 10**12])
def test_a_strange_question_does_no_harm(tmp_path: Path, height: int) -> None:
    asked: list[str] = []

    def change(hospital: Hospital, sender: str, message: Any) -> list[Any]:
        if hospital.instance != VICTIM or len(asked) == 3:
            return [message]
        asked.append(sender)
        return [message, MissedRequest(NodeId(sender), height, with_blocks=True)]

    check_caught_up(run(tmp_path, change=change))
