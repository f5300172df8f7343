"""Attacks on what shows that a block was agreed on: proposals, verdicts, votes, proofs of keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from consensus.quorum import QuorumSet
from consensus.statements import NO_CANDIDATE, ViewCommit, Vote
from crypto.digest import sha256
from crypto.identity import NodeId
from crypto.keys import PublicKey
from ledger.block import Block, RecordType, Seal, VoteKind, core_hash
from ledger.genesis import WITNESS_ALGORITHM, Genesis
from tests.forge import Forge, model_bytes, start

from .attacks import H1, H2, H3, H4, STRANGER, Attack, Scene, resealed, state_before

FALSE = bytes(64)
"""No signature of anything."""


def _first(change: Callable[[Scene, Seal], Mapping[str, Any]]) -> Attack:
    """Change the seal of the block at height 1."""

    def attack(scene: Scene) -> None:
        genesis, first, *rest = scene.blocks
        scene.put([genesis, resealed(first, **change(scene, first.seal)), *rest])

    return attack


def _genesis(change: Callable[[Scene, Seal], Mapping[str, Any]]) -> Attack:
    """Change the seal of the genesis, which no hash covers."""

    def attack(scene: Scene) -> None:
        genesis, *rest = scene.blocks
        scene.put([resealed(genesis, **change(scene, genesis.seal)), *rest])

    return attack


def wrong_leader(scene: Scene) -> None:
    """A quorum votes for a block that h2 proposed in the slot of h1."""
    core = replace(scene.blocks[1].core, proposer=H2)
    scene.put([scene.blocks[0], scene.forge.seal(core, accepting=scene.forge.voters)])


def outcome_turned_round(scene: Scene) -> None:
    """The rejected candidate is recorded as accepted, with votes by a quorum."""
    core = replace(scene.blocks[2].core, type=RecordType.ACCEPTED)
    scene.put([*scene.blocks[:2], scene.forge.seal(core, accepting=())])


def acceptance_turned_round(scene: Scene) -> None:
    core = replace(scene.blocks[1].core, type=RecordType.REJECTED)
    scene.put([scene.blocks[0], scene.forge.seal(core, accepting=scene.forge.voters)])


def proposal_where_nobody_proposed(scene: Scene) -> None:
    absent = scene.forge.absent(state_before(scene.blocks, 1))
    proposal = scene.blocks[1].seal.proposal
    scene.put([scene.blocks[0], resealed(absent, proposal=proposal)])


def verdict_on_another_candidate(scene: Scene) -> None:
    genesis, first, *rest = scene.blocks
    wrong = scene.forge.verdict(first.core, H4, sha256(b"other"), accept=True)
    scene.put([genesis, resealed(first, verdicts=(*first.seal.verdicts, wrong)), *rest])


def verdict_of_somebody_who_waited_in_vain(scene: Scene) -> None:
    """Sound: no candidate had reached h4 in time."""
    genesis, first, *rest = scene.blocks
    late = scene.forge.verdict(first.core, H4, NO_CANDIDATE, accept=False)
    scene.put([genesis, resealed(first, verdicts=(*first.seal.verdicts, late)), *rest])


def degenerate_key(scene: Scene) -> None:
    """A checkpoint key under which anybody can sign, with a proof of its possession."""
    genesis = scene.blocks[0].core.body
    assert isinstance(genesis, Genesis)
    zero = PublicKey(WITNESS_ALGORITHM, bytes(WITNESS_ALGORITHM.public_key_size))
    weak = replace(genesis, witnesses={**genesis.witnesses, H1: zero})
    block = scene.blocks[0]
    scene.put([Block(replace(block.core, body=weak), block.seal)])


def owner_not_convinced(scene: Scene) -> None:
    """h1 and h2 trust only each other, as do h3 and h4; the replica is said to be that of h3."""
    blocks = islands().blocks()
    scene.put(blocks)
    scene.put(blocks, "h3")


def islands() -> Forge:
    forge = Forge()
    trusted = {H1: (H1, H2), H2: (H1, H2), H3: (H3, H4), H4: (H3, H4)}
    forge.quorum_sets = {node: QuorumSet(2, island) for node, island in trusted.items()}
    return forge


def verdicts_that_convince_a_voter_alone(scene: Scene) -> None:
    """Sound: all four voted for what h1 and h2 judged good, and h3 keeps it."""
    scene.put([scene.blocks[0]])
    scene.put(_decided_by_islands((H1, H2, H3, H4)), "h3")


def verdicts_that_convince_no_voter(scene: Scene) -> None:
    """h3 and h4 alone voted for what h1 and h2 judged good."""
    scene.put([scene.blocks[0]])
    scene.put(_decided_by_islands((H3, H4)), "h3")


def _decided_by_islands(voters: Sequence[NodeId]) -> list[Block]:
    forge = islands()
    judged = forge.decided(1, (H1, H2)).seal.verdicts
    return [forge.genesis(), resealed(forge.decided(1, voters), verdicts=judged)]


def one_vote_of_another_protocol(scene: Scene) -> None:
    """Beside a quorum of votes h4 commits, as PBFT has it."""
    genesis, first, *rest = scene.blocks
    commit = ViewCommit(1, 0, core_hash(first.core))
    wrong = scene.forge.vote(H4, commit, first.core.chain)
    scene.put([genesis, resealed(first, votes=(*first.seal.votes, wrong)), *rest])


def convicted(scene: Scene, culprit: NodeId) -> list[Block]:
    """A chain whose first record is evidence against a node."""
    forge = scene.forge
    pair = (Vote(1, sha256(b"a")), Vote(1, sha256(b"b")))
    evidence = forge.equivocation(culprit, *pair)
    return [
        scene.blocks[0],
        forge.evidence(start(scene.blocks[0]), evidence, scene.blocks[0]),
    ]


def leader_that_evidence_convicted(scene: Scene) -> None:
    """It would have been the turn of h2, now it is that of h3."""
    blocks = convicted(scene, H2)
    scene.put_blobs()
    good = scene.forge.accepted(state_before(blocks, 2), model_bytes(1))
    assert good.core.proposer == H3
    core = replace(good.core, proposer=H2)
    scene.put([*blocks, scene.forge.seal(core, accepting=scene.forge.voters)])


def model_of_nobody(scene: Scene) -> None:
    """The proposer signs a candidate whose author did not."""
    core = scene.forge.core(
        state_before(scene.blocks, 1),
        RecordType.ACCEPTED,
        scene.forge.model(state_before(scene.blocks, 1), model_bytes(1)),
    )
    block = scene.forge.seal(core, accepting=scene.forge.voters)
    scene.put([scene.blocks[0], resealed(block, attestations=())])


SEALS: Mapping[str, tuple[Attack, str, int]] = {
    "wrong_leader": (wrong_leader, "BAD_PROPOSER", 1),
    "outcome_turned_round": (outcome_turned_round, "UNJUSTIFIED", 2),
    "acceptance_turned_round": (acceptance_turned_round, "UNJUSTIFIED", 1),
    "proposal_where_nobody_proposed": (proposal_where_nobody_proposed, "BAD_PROPOSAL", 1),
    "proposal_left_out": (_first(lambda _, seal: {"proposal": None}), "BAD_PROPOSAL", 1),
    "proposal_of_another_block": (
        _first(lambda scene, seal: {"proposal": scene.blocks[2].seal.proposal}),
        "BAD_PROPOSAL",
        1,
    ),
    "proposal_forged": (
        _first(
            lambda _, seal: {"proposal": seal.proposal and replace(seal.proposal, signature=FALSE)}
        ),
        "BAD_PROPOSAL_SIGNATURE",
        1,
    ),
    "verdict_on_another_candidate": (verdict_on_another_candidate, "BAD_VERDICT", 1),
    "verdict_by_a_stranger": (
        _first(
            lambda _, seal: {"verdicts": (*seal.verdicts, replace(seal.verdicts[0], node=STRANGER))}
        ),
        "UNKNOWN_SIGNER",
        1,
    ),
    "verdict_forged": (
        _first(
            lambda _, seal: {
                "verdicts": (replace(seal.verdicts[0], signature=FALSE), *seal.verdicts[1:])
            }
        ),
        "BAD_VERDICT_SIGNATURE",
        1,
    ),
    "score_edited": (
        _first(
            lambda _, seal: {
                "verdicts": (
                    replace(seal.verdicts[0], scores=(("global", 1),)),
                    *seal.verdicts[1:],
                )
            }
        ),
        "BAD_VERDICT_SIGNATURE",
        1,
    ),
    "verdicts_left_out": (
        _first(lambda _, seal: {"verdicts": seal.verdicts[:2]}),
        "UNJUSTIFIED",
        1,
    ),
    "voter_unknown": (
        _first(lambda _, seal: {"votes": (*seal.votes, replace(seal.votes[0], node=STRANGER))}),
        "NO_QUORUM",
        1,
    ),
    "no_votes": (_first(lambda _, seal: {"votes": ()}), "NO_QUORUM", 1),
    "update_unsigned": (model_of_nobody, "BAD_ATTESTATION", 1),
    "update_signed_by_another_too": (
        _first(
            lambda _, seal: {
                "attestations": (*seal.attestations, replace(seal.attestations[0], node=H2))
            }
        ),
        "BAD_ATTESTATION",
        1,
    ),
    "update_signature_forged": (
        _first(lambda _, seal: {"attestations": (replace(seal.attestations[0], signature=FALSE),)}),
        "BAD_ATTESTATION_SIGNATURE",
        1,
    ),
    "possession_left_out": (
        _genesis(lambda _, seal: {"possessions": seal.possessions[1:]}),
        "BAD_POSSESSION",
        0,
    ),
    "possession_of_a_stranger": (
        _genesis(
            lambda _, seal: {
                "possessions": (*seal.possessions, replace(seal.possessions[0], node=STRANGER))
            }
        ),
        "BAD_POSSESSION",
        0,
    ),
    "possession_forged": (
        _genesis(
            lambda _, seal: {
                "possessions": (
                    replace(seal.possessions[0], signature=FALSE),
                    *seal.possessions[1:],
                )
            }
        ),
        "BAD_POSSESSION",
        0,
    ),
    "witness_possession_left_out": (
        _genesis(lambda _, seal: {"witness_possessions": seal.witness_possessions[1:]}),
        "BAD_POSSESSION",
        0,
    ),
    "witness_possession_of_another": (
        _genesis(
            lambda _, seal: {
                "witness_possessions": (
                    replace(
                        seal.witness_possessions[0],
                        signature=seal.witness_possessions[1].signature,
                    ),
                    *seal.witness_possessions[1:],
                )
            }
        ),
        "BAD_POSSESSION",
        0,
    ),
    "degenerate_key": (degenerate_key, "BAD_POSSESSION", 0),
    "owner_not_convinced": (owner_not_convinced, "NO_QUORUM", 1),
    "vote_of_another_protocol": (
        _first(
            lambda _, seal: {
                "votes": (
                    *seal.votes[:2],
                    replace(seal.votes[2], kind=VoteKind.VIEW_COMMIT, numbers=(0,)),
                )
            }
        ),
        "NO_QUORUM",
        1,
    ),
    "one_vote_of_another_protocol": (one_vote_of_another_protocol, "BAD_VOTE", 1),
    "leader_that_evidence_convicted": (leader_that_evidence_convicted, "BAD_PROPOSER", 2),
    "verdicts_that_convince_no_voter": (verdicts_that_convince_no_voter, "UNJUSTIFIED", 1),
}
"""An attack, the finding that names it, and where."""
