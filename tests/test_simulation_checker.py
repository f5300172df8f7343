"""The checker stands outside the hospitals: each invariant is broken on purpose, and named."""

from dataclasses import replace

from consensus.statements import NO_CANDIDATE, Statement, Verdict, Vote
from fl.attack import Attack
from ledger.block import Block, RecordType, core_hash
from ledger.body import candidate_digest
from ledger.candidate import ModelCandidate
from ledger.genesis import Genesis
from scenarios.simulation.checker import Checker, Finding, Invariant, Status
from scenarios.simulation.learner import Poisoning
from tests.forge import Forge, model_bytes, start

HONEST = frozenset({"h1", "h2"})


def checker(forge: Forge, genesis: Block, poisonings: dict[str, tuple[Poisoning, ...]]) -> Checker:
    by_node = {node: poisonings[node] for node in forge.nodes if node in poisonings}
    return Checker(genesis, HONEST, HONEST, by_node)


def said(watch: Checker, instance: str, block: Block) -> None:
    """Let a hospital say what leads to a block: its verdict and its vote."""
    core = block.core
    accept = core.type is not RecordType.REJECTED
    body = core.body
    assert not isinstance(body, Genesis)
    judged = NO_CANDIDATE if body is None else candidate_digest(body)
    statements: list[Statement] = [Verdict(core.slot, judged, accept, "ok", ())]
    statements.append(Vote(core.slot, core_hash(core)))
    for statement in statements:
        watch.said(instance, statement)


def play(watch: Checker, blocks: list[Block]) -> dict[Invariant, Finding]:
    """Every honest hospital says and records the same blocks."""
    for block in blocks[1:]:
        said(watch, "h1", block)
        for instance in sorted(HONEST):
            watch.appended(instance, block, block.core.time_us)
    return dict(watch.findings(still_running=False))


def test_a_sound_run_holds_everything() -> None:
    forge = Forge()
    blocks = forge.blocks()
    found = play(checker(forge, blocks[0], {}), blocks)
    assert {finding.status for finding in found.values()} == {Status.HELD}
    assert list(found) == list(Invariant)


def test_two_blocks_at_one_height_violate_agreement_and_name_both_hospitals() -> None:
    forge = Forge()
    blocks = forge.blocks()
    state = start(blocks[0])
    other = forge.accepted(state, model_bytes(9))
    watch = checker(forge, blocks[0], {})
    for block, instance in ((blocks[1], "h1"), (other, "h2")):
        said(watch, instance, block)
        watch.appended(instance, block, 7)
    finding = watch.findings(still_running=True)[Invariant.AGREEMENT]
    assert finding.status is Status.VIOLATED
    assert finding.time_us == 7
    assert "at height 1 h1 recorded" in finding.reason
    assert "h2 recorded" in finding.reason


def test_a_liar_s_replica_violates_nothing() -> None:
    forge = Forge()
    blocks = forge.blocks()
    watch = checker(forge, blocks[0], {})
    watch.appended("h4", blocks[2], 1)
    found = watch.findings(still_running=True)
    assert found[Invariant.CHAIN].status is Status.HELD
    assert found[Invariant.VALIDITY].status is Status.HELD


def test_a_block_that_does_not_follow_violates_the_chain() -> None:
    forge = Forge()
    blocks = forge.blocks()
    watch = checker(forge, blocks[0], {})
    said(watch, "h1", blocks[2])
    watch.appended("h1", blocks[2], 1)
    finding = watch.findings(still_running=True)[Invariant.CHAIN]
    assert finding.status is Status.VIOLATED
    assert "BAD_HEIGHT" in finding.reason


def test_an_outcome_that_nobody_honest_judged_so_violates_validity() -> None:
    forge = Forge()
    blocks = forge.blocks()
    watch = checker(forge, blocks[0], {})
    watch.said("h1", Vote(1, core_hash(blocks[1].core)))  # a vote against its own judgement
    watch.said("h3", Verdict(1, NO_CANDIDATE, True, "ok", ()))  # not one of the honest
    watch.appended("h1", blocks[1], 1)
    assert watch.findings(still_running=True)[Invariant.VALIDITY].status is Status.VIOLATED


def test_a_poisoned_update_in_an_accepted_model_violates_containment() -> None:
    forge = Forge()
    blocks = forge.blocks()
    body = blocks[1].core.body
    assert isinstance(body, ModelCandidate)
    author = body.updates[0].author
    for first_round, expected in ((1, Status.VIOLATED), (2, Status.HELD)):
        poisoning = Poisoning(Attack("nan"), first_round, 9)
        watch = checker(forge, blocks[0], {author: (poisoning,)})
        said(watch, "h1", blocks[1])
        watch.appended("h1", blocks[1], 1)
        assert watch.findings(still_running=True)[Invariant.CONTAINMENT].status is expected


def test_a_rejected_poisoned_candidate_is_contained() -> None:
    forge = Forge()
    genesis = forge.genesis()
    rejected = forge.rejected(start(genesis), model_bytes(1))
    body = rejected.core.body
    assert isinstance(body, ModelCandidate)
    watch = checker(forge, genesis, {body.updates[0].author: (Poisoning(Attack("nan"), 1, 9),)})
    said(watch, "h1", rejected)
    watch.appended("h1", rejected, 1)
    assert watch.findings(still_running=True)[Invariant.CONTAINMENT].status is Status.HELD


def test_termination_is_undecided_while_something_may_still_happen() -> None:
    forge = Forge()
    blocks = forge.blocks()
    watch = checker(forge, blocks[0], {})
    for running, expected in ((True, Status.UNDECIDED), (False, Status.VIOLATED)):
        finding = watch.findings(still_running=running)[Invariant.TERMINATION]
        assert finding.status is expected
        assert "h1 stopped at height 0, and 1 more" in finding.reason


def test_the_first_violation_is_the_one_reported() -> None:
    forge = Forge()
    blocks = forge.blocks()
    watch = checker(forge, blocks[0], {})
    broken = Block(replace(blocks[1].core, slot=9), blocks[1].seal)
    for time_us in (5, 6):
        watch.appended("h1", broken, time_us)
    assert watch.findings(still_running=True)[Invariant.CHAIN].time_us == 5
