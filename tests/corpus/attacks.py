"""Attacks on a run, each a function that tampers with what a sound coalition has written.

Every attack is the work of somebody who may write anything into the run directory and holds no key
beyond those that its description grants. The table of what each level of the audit sees is in
`tests.test_attack_matrix`; `tests.corpus.make` writes some of them down.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consensus.quorum import QuorumSet
from consensus.statements import Proposal
from crypto.digest import Digest, sha256
from crypto.encoding import Value, decode, encode
from crypto.identity import NodeId
from crypto.merkle import leaf_hash, merkle_root
from ledger.anchor import Anchor, AnchoredReplica
from ledger.block import Block, RecordType, core_hash, encode_block
from ledger.body import candidate_digest
from ledger.chain import ChainState
from ledger.checkpoint import (
    Checkpoint,
    Cosignature,
    Note,
    cosign,
    cosigner_name,
    format_note,
    log_origin,
)
from ledger.genesis import Genesis
from ledger.record import HEADER_SIZE, frame
from ledger.store import CHECKPOINT_FILE, CHECKPOINTS_FOLDER, segment_path
from tests.forge import Forge, grow, model_bytes, start

H1, H2, H3, H4 = (NodeId(f"h{number}") for number in range(1, 5))
STRANGER = NodeId("x")
TIME_S = 1_700_000_000
"""When cosignatures say that they were made, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A run directory and the coalition whose run it is."""

    run: Path
    """The run directory."""
    forge: Forge
    """All keys of the coalition."""
    blocks: tuple[Block, ...]
    """What it agreed on."""

    @property
    def segment(self) -> Path:
        """The only segment of the replica that is tampered with."""
        return segment_path(self.run / "ledger" / "h1", 0)

    def put(self, blocks: Sequence[Block], name: str = "h1") -> None:
        """Make these blocks the content of a replica."""
        self.put_payloads([encode_block(block) for block in blocks], name)

    def put_payloads(self, payloads: Sequence[bytes], name: str = "h1") -> None:
        """Make these payloads the content of a replica."""
        write_segment(self.run / "ledger" / name, payloads)

    def put_blobs(self) -> None:
        """Write the models of the coalition, and the evidence that it has recorded."""
        for number in range(self.forge.round_count + 1):
            put_blob(self.run, model_bytes(number))
        for exhibit in self.forge.exhibits:
            put_blob(self.run, exhibit)


Attack = Callable[[Scene], None]


def write_segment(directory: Path, payloads: Sequence[bytes]) -> None:
    """Write a ledger of one segment at once, without the writer's flushes."""
    directory.mkdir(parents=True, exist_ok=True)
    segment_path(directory, 0).write_bytes(b"".join(map(frame, payloads)))


def put_blob(run: Path, content: bytes, name: Digest | None = None) -> Path:
    """Write a file of the blob store, under the name of its content or another one."""
    text = (sha256(content) if name is None else name).hex()
    path = run / "blobs" / "sha256" / text[:2] / text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def state_before(blocks: Sequence[Block], height: int) -> ChainState:
    """The chain before the block of a height."""
    state = start(blocks[0])
    for block in blocks[1:height]:
        state = grow(state, block)
    return state


def edited(block: Block, **changes: Any) -> Block:
    """A block with another core and its old seal."""
    return Block(replace(block.core, **changes), block.seal)


def resealed(block: Block, **changes: Any) -> Block:
    """A block with its core and another seal."""
    return Block(block.core, replace(block.seal, **changes))


def relinked(blocks: Sequence[Block]) -> list[Block]:
    """The same blocks with every hash made to fit, old seals kept."""
    linked = [blocks[0]]
    for old in blocks[1:]:
        linked.append(edited(old, prev=core_hash(linked[-1].core)))
    return linked


def staged(run: Path, forge: Forge, blocks: Sequence[Block], attack: Attack | None = None) -> Scene:
    """A sound run of one replica, then what the attack makes of it."""
    scene = Scene(run, forge, tuple(blocks))
    scene.put_blobs()
    scene.put(blocks)
    if attack is not None:
        attack(scene)
    return scene


# Checkpoints and anchors


def leaves(blocks: Sequence[Block]) -> list[Digest]:
    """The leaf hashes of the log over these blocks."""
    return [leaf_hash(encode_block(block)) for block in blocks]


def head(blocks: Sequence[Block], owner: str = "h1") -> Checkpoint:
    """The head of a node's log over these blocks."""
    origin = log_origin(core_hash(blocks[0].core), owner)
    return Checkpoint(origin, len(blocks), merkle_root(leaves(blocks)))


def cosigned(forge: Forge, head: Checkpoint, signers: Sequence[NodeId]) -> Note:
    """A checkpoint with real cosignatures."""
    return Note(head, tuple(cosignature(forge, head, node) for node in signers))


def cosignature(forge: Forge, head: Checkpoint, node: NodeId) -> Cosignature:
    """The cosignature of one node."""
    return cosign(forge.witness_keys[node], cosigner_name(node), head, TIME_S)


def put_note(run: Path, note: Note, name: str = "h1") -> None:
    """Keep a checkpoint beside a ledger, as the newest one and under its size."""
    directory = run / "ledger" / name
    (directory / CHECKPOINTS_FOLDER).mkdir(parents=True, exist_ok=True)
    content = format_note(note)
    (directory / CHECKPOINTS_FOLDER / f"{note.checkpoint.size:08d}.note").write_bytes(content)
    (directory / CHECKPOINT_FILE).write_bytes(content)


def anchored(forge: Forge, blocks: Sequence[Block], names: Sequence[str] = ("h1",)) -> Anchor:
    """An anchor of replicas that all hold these blocks, with notes cosigned by three witnesses."""
    replicas = []
    for name in names:
        owner = NodeId(name.partition(".")[0])
        note = cosigned(forge, head(blocks, owner), sorted({owner, H2, H3}))
        checkpoint = note.checkpoint
        last = core_hash(blocks[-1].core)
        replicas.append(AnchoredReplica(name, checkpoint.size, checkpoint.root, last, note))
    return Anchor(core_hash(blocks[0].core), tuple(replicas))


# Bytes of the file


def flip(scene: Scene, height: int, at: int, mask: int) -> None:
    """Change bits of one byte of the record of a height, counted from its magic."""
    sizes = [HEADER_SIZE + len(encode_block(block)) for block in scene.blocks[:height]]
    whole = bytearray(scene.segment.read_bytes())
    whole[sum(sizes) + at] ^= mask
    scene.segment.write_bytes(whole)


def bit_flipped_in_the_magic(scene: Scene) -> None:
    flip(scene, 1, 0, 0x01)


def bit_flipped_in_the_length(scene: Scene) -> None:
    flip(scene, 1, 4, 0x10)


def bit_flipped_in_the_last_length(scene: Scene) -> None:
    """The length grows past the end of the file: no torn tail, for the checksum fits a shorter."""
    flip(scene, len(scene.blocks) - 1, 6, 0x04)


def bit_flipped_in_the_checksum(scene: Scene) -> None:
    flip(scene, 2, 9, 0x80)


def bit_flipped_in_the_payload(scene: Scene) -> None:
    flip(scene, 1, HEADER_SIZE + 100, 0x20)


def truncated_inside_a_record(scene: Scene) -> None:
    scene.segment.write_bytes(scene.segment.read_bytes()[:-7])


def length_and_payload_damaged(scene: Scene) -> None:
    """The length reaches past the end and the checksum fits nothing: the records behind show it."""
    flip(scene, 1, 6, 0x04)
    flip(scene, 1, HEADER_SIZE, 0x01)


def bytes_after_the_end(scene: Scene) -> None:
    scene.segment.write_bytes(scene.segment.read_bytes() + frame(b"more")[: HEADER_SIZE - 2])


# The chain


def field_edited(scene: Scene) -> None:
    genesis, first, *rest = scene.blocks
    scene.put([genesis, edited(first, time_us=5), *rest])


def block_removed(scene: Scene) -> None:
    scene.put([*scene.blocks[:1], *scene.blocks[2:]])


def blocks_swapped(scene: Scene) -> None:
    genesis, first, second, *rest = scene.blocks
    scene.put([genesis, second, first, *rest])


def block_duplicated(scene: Scene) -> None:
    scene.put([*scene.blocks[:2], *scene.blocks[1:]])


def record_after_the_end(scene: Scene) -> None:
    scene.put([*scene.blocks, scene.blocks[-1]])


def genesis_missing(scene: Scene) -> None:
    scene.put(scene.blocks[1:])


def second_genesis(scene: Scene) -> None:
    genesis = scene.blocks[0]
    value = core_hash(genesis.core)
    scene.put([genesis, edited(genesis, height=1, slot=1, chain=value, prev=value)])


def model_after_the_last_round(scene: Scene) -> None:
    """A quorum goes on learning where it agreed to end."""
    rounds = scene.forge.round_count
    state = state_before(scene.blocks, rounds + 1)
    scene.put([*scene.blocks[: rounds + 1], scene.forge.accepted(state, model_bytes(1))])


def end_before_the_last_round(scene: Scene) -> None:
    scene.put([*scene.blocks[:2], scene.forge.end(state_before(scene.blocks, 2))])


def integer_not_in_its_shortest_form(scene: Scene) -> None:
    genesis, first, *rest = map(encode_block, scene.blocks)
    value: Any = decode(first)
    core = value["core"].replace(b"\x66height\x01", b"\x66height\x18\x01")
    longer: dict[str, Value] = {"core": core, "seal": value["seal"]}
    scene.put_payloads([genesis, encode(longer), *rest])


def quorum_set_weakened(scene: Scene) -> None:
    """One vote is to be enough."""
    weak = Forge(quorum_set=lambda nodes: QuorumSet(1, tuple(nodes)))
    scene.put([weak.genesis(), *scene.blocks[1:]])


# Seals


def field_edited_and_relinked(scene: Scene) -> None:
    genesis, first, *rest = scene.blocks
    scene.put(relinked([genesis, edited(first, time_us=5), *rest]))


def _votes(scene: Scene, *votes: Any) -> None:
    genesis, first, *rest = scene.blocks
    scene.put([genesis, resealed(first, votes=votes), *rest])


def vote_forged(scene: Scene) -> None:
    one, two, three = scene.blocks[1].seal.votes
    _votes(scene, one, two, replace(three, signature=bytes(len(three.signature))))


def vote_forged_and_a_bit_flipped(scene: Scene) -> None:
    """Findings are told in the order of heights, whoever sees them."""
    vote_forged(scene)
    flip(scene, 2, HEADER_SIZE + 9, 0x01)


def vote_of_another_height(scene: Scene) -> None:
    one, two, _ = scene.blocks[1].seal.votes
    _votes(scene, one, two, scene.blocks[2].seal.votes[2])


def voter_relabelled(scene: Scene) -> None:
    one, two, three = scene.blocks[1].seal.votes
    _votes(scene, one, two, replace(three, node=H4))


def same_vote_three_times(scene: Scene) -> None:
    _votes(scene, *scene.blocks[1].seal.votes[:1] * 3)


def same_vote_under_three_names(scene: Scene) -> None:
    one = scene.blocks[1].seal.votes[0]
    _votes(scene, one, replace(one, node=H2), replace(one, node=H3))


def too_few_votes(scene: Scene) -> None:
    _votes(scene, *scene.blocks[1].seal.votes[:2])


def suffix_rewritten_with_one_key(scene: Scene) -> None:
    """The leader of slot 1 lost its key: another model, judged and voted for by it alone."""
    scene.put(rewritten(scene, [H1]))


def rewritten(scene: Scene, voters: Sequence[NodeId], since: int = 1) -> list[Block]:
    """A chain with another outcome from a height on, signed by nobody but these voters.

    It is as good as they can make it: the previous voters, whom nothing but a name shows, are
    claimed to be a quorum; a proposal by a leader who is none of them bears the first one's
    signature.
    """
    forge, blocks = scene.forge, list(scene.blocks[:since])
    state = state_before(scene.blocks, since)
    for height in range(since, len(scene.blocks)):
        if len(voters) < len(forge.voters) and height > 1:
            state = replace(state, voters=forge.voters)
        accepting = voters
        if height == since:
            core = forge.core(state, RecordType.ACCEPTED, forge.model(state, model_bytes(2)))
        elif height <= forge.round_count:
            core, accepting = forge.core(state, RecordType.REJECTED, None), ()
        else:
            core = forge.end(state).core
        block = forge.seal(core, accepting=accepting, voters=voters)
        blocks.append(_with_keys_of(scene.forge, block, voters))
        state = grow(state, block)
    return blocks


def _with_keys_of(forge: Forge, block: Block, voters: Sequence[NodeId]) -> Block:
    proposal, proposer = block.seal.proposal, block.core.proposer
    if proposal is None or proposer is None or proposer in voters:
        return block
    candidate = block.core.body
    assert candidate is not None
    assert not isinstance(candidate, Genesis)
    statement = Proposal(
        block.core.slot, candidate_digest(candidate), proposal.accepted, proposal.rejected
    )
    signature = forge.sign(voters[0], statement, block.core.chain)
    return resealed(block, proposal=replace(proposal, signature=signature))


# The run as a whole


def replaced_under_new_keys(scene: Scene) -> None:
    other = Forge(label="other", round_count=scene.forge.round_count)
    scene.put(other.blocks()[: len(scene.blocks)])


def tail_cut(scene: Scene) -> None:
    scene.put(scene.blocks[:-1])


def rewritten_by_a_quorum(scene: Scene) -> None:
    scene.put(rewritten(scene, [H1, H2, H3]))


def rolled_back_by_a_quorum(scene: Scene) -> None:
    scene.put(scene.blocks[:2])


def forked(scene: Scene) -> None:
    scene.put(rewritten(scene, [H2, H3, H4], since=2))


def model_substituted(scene: Scene) -> None:
    """The file of the model at height 1 holds other weights."""
    put_blob(scene.run, model_bytes(9), sha256(model_bytes(1)))


ATTACKS: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        bit_flipped_in_the_magic,
        bit_flipped_in_the_length,
        bit_flipped_in_the_last_length,
        bit_flipped_in_the_checksum,
        bit_flipped_in_the_payload,
        length_and_payload_damaged,
        truncated_inside_a_record,
        bytes_after_the_end,
        field_edited,
        block_removed,
        blocks_swapped,
        block_duplicated,
        record_after_the_end,
        genesis_missing,
        second_genesis,
        model_after_the_last_round,
        end_before_the_last_round,
        integer_not_in_its_shortest_form,
        quorum_set_weakened,
        field_edited_and_relinked,
        vote_forged,
        vote_forged_and_a_bit_flipped,
        vote_of_another_height,
        voter_relabelled,
        same_vote_three_times,
        same_vote_under_three_names,
        too_few_votes,
        suffix_rewritten_with_one_key,
        replaced_under_new_keys,
        tail_cut,
        rewritten_by_a_quorum,
        rolled_back_by_a_quorum,
        forked,
        model_substituted,
    )
}
