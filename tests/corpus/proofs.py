"""Attacks on proofs of norms: whom it takes has signed, so that only the proof is wrong.

The coalition is another one than that of the scene: its genesis asks for proofs. Its first round
has a candidate of two authors, which a case changes before anybody signs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crypto.digest import Digest, sha256
from crypto.encoding import encode
from crypto.envelope import sign_value
from crypto.identity import NodeId
from ledger.attestation import update_attestation
from ledger.block import Block, RecordType
from ledger.candidate import ModelCandidate, UpdateEntry
from ledger.chain import ChainState
from ledger.evidence import FalseProof, encode_evidence, evidence_subject
from ledger.norm import decode_proof_file, encode_proof_file, proof_context
from ledger.notice import EvidenceNotice, Misconduct
from tests.forge import Forge, model_bytes, proven, small_rule, start, sum_of

from .attacks import H1, H2, H3, Attack, Scene, put_blob, resealed

Change = Callable[[Forge, ChainState, ModelCandidate], ModelCandidate]
"""What is put to the vote instead of a sound candidate."""
Edit = Callable[[bytes], bytes]
"""What stands in a file instead."""

NOTHING = Digest(bytes(32))


def coalition() -> Forge:
    """Four hospitals that ask for proofs, for one round."""
    return Forge(round_count=1, norm=small_rule())


def of_two(forge: Forge, state: ChainState) -> ModelCandidate:
    """A sound candidate of two authors."""
    bare = ModelCandidate(forge.model(state, model_bytes(1)).model, state.model.tensors, "", 0, ())
    entries = tuple(UpdateEntry(node, sha256(node.encode()), 90) for node in (H1, H2))
    return forge.proven(state, replace(bare, scheme="fedavg", updates=entries))


def chain_with(
    forge: Forge, change: Change, record_type: RecordType = RecordType.ACCEPTED
) -> list[Block]:
    """A chain that has come to the changed candidate, signed by all."""
    genesis = forge.genesis()
    state = start(genesis)
    core = forge.core(state, record_type, change(forge, state, of_two(forge, state)))
    accepting = forge.voters if record_type is RecordType.ACCEPTED else ()
    return [genesis, forge.seal(core, accepting=accepting)]


def put_chain(
    scene: Scene, forge: Forge, blocks: list[Block], replicas: Sequence[str] = ("h1",)
) -> None:
    """Make a chain that of the scene, with its files."""
    for name in replicas:
        scene.put(blocks, name)
    for file in (*forge.exhibits, *forge.proofs):
        put_blob(scene.run, file)


def proposed(
    change: Change,
    record_type: RecordType = RecordType.ACCEPTED,
    replicas: Sequence[str] = ("h1",),
) -> Attack:
    """The changed candidate, recorded."""

    def attack(scene: Scene) -> None:
        forge = coalition()
        put_chain(scene, forge, chain_with(forge, change, record_type), replicas)

    return attack


def unchanged(_: Forge, __: ChainState, candidate: ModelCandidate) -> ModelCandidate:
    return candidate


# Proofs


def of_context(**changes: Any) -> Change:
    """The first author proves something else: a proof that is sound in another context."""

    def change(forge: Forge, state: ChainState, candidate: ModelCandidate) -> ModelCandidate:
        rule = forge.norm
        assert rule is not None
        contexts = [
            proof_context(rule, each, state.height + 1, state.head, candidate.base)
            for each in candidate.updates
        ]
        file, first = proven(rule, replace(contexts[0], **changes))
        total = sum_of([first, *(proven(rule, each)[1] for each in contexts[1:])])
        return with_proof(replace(candidate, total=forge.keep(total)), forge.keep(file))

    return change


def with_proof(candidate: ModelCandidate, name: Digest | None) -> ModelCandidate:
    """The candidate whose first update names another proof."""
    first, *rest = candidate.updates
    return replace(candidate, updates=(replace(first, proof=name), *rest))


def file_of(forge: Forge, name: Digest | None) -> bytes:
    (found,) = {file for file in forge.proofs if sha256(file) == name}
    return found


def of_file(edit: Edit) -> Change:
    """The first author signs an edited proof file."""

    def change(forge: Forge, _: ChainState, candidate: ModelCandidate) -> ModelCandidate:
        file = edit(file_of(forge, candidate.updates[0].proof))
        return with_proof(candidate, forge.keep(file))

    return change


def of_total(edit: Edit) -> Change:
    """Everybody signs an edited total."""

    def change(forge: Forge, _: ChainState, candidate: ModelCandidate) -> ModelCandidate:
        return replace(candidate, total=forge.keep(edit(file_of(forge, candidate.total))))

    return change


def flipped(at: int) -> Edit:
    """One bit is another."""
    return lambda file: bytes(byte ^ (index == at % len(file)) for index, byte in enumerate(file))


def of_parts(edit: Callable[[bytes, bytes], dict[str, Any]]) -> Edit:
    """The file is the encoding of something else."""

    def change(content: bytes) -> bytes:
        file = decode_proof_file(content)
        return encode(edit(file.commitment, file.proof))

    return change


def total_of_the_first(
    forge: Forge, state: ChainState, candidate: ModelCandidate
) -> ModelCandidate:
    """The total opens what one of the two authors has proven."""
    assert forge.norm is not None
    first, slot = candidate.updates[0], state.height + 1
    context = proof_context(forge.norm, first, slot, state.head, candidate.base)
    total = forge.keep(sum_of([proven(forge.norm, context)[1]]))
    return replace(candidate, total=total)


def without_proofs(_: Forge, __: ChainState, candidate: ModelCandidate) -> ModelCandidate:
    bare = tuple(replace(each, proof=None) for each in candidate.updates)
    return replace(candidate, updates=bare, total=None)


def without_one_proof(_: Forge, __: ChainState, candidate: ModelCandidate) -> ModelCandidate:
    return with_proof(candidate, None)


def without_total(_: Forge, __: ChainState, candidate: ModelCandidate) -> ModelCandidate:
    return replace(candidate, total=None)


# Files


def on_disk(which: int, edit: Callable[[bytes], bytes | None]) -> Attack:
    """A file is another one, or gone, under its old name: the total is the last of them."""

    def attack(scene: Scene) -> None:
        forge = coalition()
        put_chain(scene, forge, chain_with(forge, unchanged))
        path = put_blob(scene.run, forge.proofs[which])
        content = edit(forge.proofs[which])
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)

    return attack


FIRST, SECOND, TOTAL = -3, -2, -1
"""Where the files of the candidate of two stand."""


# Evidence


def false_proof(forge: Forge, author: NodeId, file: bytes, slot: int = 1) -> FalseProof:
    """An update of the second author, handed in with this file and signed."""
    state = start(Block(forge.founding, forge.genesis().seal))
    base = state.model.tensors
    entry = UpdateEntry(author, sha256(author.encode()), 90, sha256(file))
    return signed(forge, FalseProof(state.chain_id, slot, state.head, base, entry, b"-", file))


def signed(forge: Forge, evidence: FalseProof, by: NodeId | None = None) -> FalseProof:
    """The same with the signature of its author, or of somebody else."""
    entry = evidence.entry
    said = update_attestation(
        evidence.chain_id, evidence.slot, evidence.parent, evidence.base, entry
    )
    signature = sign_value(forge.keys[by or entry.author], said.label, said.fields)
    return replace(evidence, signature=signature)


def sound_proof(forge: Forge, author: NodeId, slot: int = 1) -> FalseProof:
    """An update of an author whose proof verifies: no evidence."""
    state = start(Block(forge.founding, forge.genesis().seal))
    rule, base = forge.norm, state.model.tensors
    assert rule is not None
    bare = UpdateEntry(author, sha256(author.encode()), 90)
    file, _ = proven(rule, proof_context(rule, bare, slot, state.head, base))
    return false_proof(forge, author, file, slot)


NO_PROOF = encode_proof_file(decode_proof_file(encode({"commitment": b"c", "proof": b"p"})))
"""A proof file that proves nothing."""


def convicting(scene: Scene) -> None:
    """Evidence against h2 is recorded."""
    forge = coalition()
    genesis = forge.genesis()
    evidence = false_proof(forge, H2, NO_PROOF)
    put_chain(scene, forge, [genesis, forge.evidence(start(genesis), evidence, genesis)])


def shown(exhibit: Callable[[Forge], FalseProof], culprit: NodeId = H2) -> Attack:
    """A notice that h2 is convicted stands beside something else."""

    def attack(scene: Scene) -> None:
        forge = coalition()
        genesis = forge.genesis()
        evidence = exhibit(forge)
        forge.exhibits.append(encode_evidence(evidence))
        notice = EvidenceNotice(Misconduct.NORM, (culprit,), evidence_subject(evidence))
        block = forge.notice(start(genesis), notice)
        name = sha256(forge.exhibits[-1])
        put_chain(scene, forge, [genesis, resealed(block, exhibit=name)])

    return attack


PROOFS: Mapping[str, tuple[Attack, str]] = {
    "proofs_of_two": (proposed(unchanged), ""),
    "proofs_of_two_turned_down": (proposed(unchanged, RecordType.REJECTED), ""),
    "proof_of_another_author": (proposed(of_context(author=H3)), "BAD_PROOF - 1"),
    "proof_that_was_turned_down": (
        proposed(of_context(author=H3), RecordType.REJECTED),
        "BAD_PROOF - 1",
    ),
    "proof_file_of_nothing": (proposed(of_file(lambda _: b"")), "BAD_PROOF - 1"),
    "proof_file_of_text": (proposed(of_file(lambda _: encode("proof"))), "BAD_PROOF - 1"),
    "proof_is_gone": (on_disk(FIRST, lambda _: None), "BLOB_MISSING - 1"),
    "proof_is_another_file": (on_disk(SECOND, flipped(99)), "BLOB_UNREADABLE - 1"),
    "proof_is_missing": (proposed(without_one_proof), "BAD_NORM h1 1"),
    "proofs_are_missing": (proposed(without_proofs), "BAD_NORM h1 1"),
    "total_is_missing": (proposed(without_total), "BAD_NORM h1 1"),
    "total_is_gone": (on_disk(TOTAL, lambda _: None), "BLOB_MISSING - 1"),
    "total_is_another_file": (on_disk(TOTAL, flipped(99)), "BLOB_UNREADABLE - 1"),
    "total_of_one_author": (proposed(total_of_the_first), "BAD_TOTAL - 1"),
    "total_of_one_author_in_two_replicas": (
        proposed(total_of_the_first, replicas=("h1", "h2")),
        "BAD_TOTAL - 1",
    ),
    "total_that_is_cut": (proposed(of_total(lambda file: file[:-1])), "BAD_TOTAL - 1"),
    "proof_that_proves_nothing_is_evidence": (convicting, ""),
    "proof_that_verifies_is_no_evidence": (
        shown(lambda forge: sound_proof(forge, H2)),
        "BAD_EXHIBIT - 1",
    ),
    "proof_of_another_is_no_evidence": (
        shown(lambda forge: false_proof(forge, H3, NO_PROOF)),
        "BAD_EXHIBIT - 1",
    ),
    "proof_that_was_not_signed_is_no_evidence": (
        shown(lambda forge: replace(sound_proof(forge, H2), file=NO_PROOF)),
        "BAD_EXHIBIT - 1",
    ),
}
"""Attack, and its findings as `CODE replica height`."""
