"""Proofs of norms on a ledger: what is proven is verified, and who signed a false one convicted."""

import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import sha256
from crypto.encoding import encode
from crypto.envelope import sign_value
from crypto.identity import NodeId
from ledger.attestation import update_attestation
from ledger.audit import AuditOptions, AuditReport, Judgement, Level, audit_run
from ledger.block import Block, RecordType, core_hash, encode_block, files_of
from ledger.candidate import ModelCandidate, UpdateEntry
from ledger.errors import Violation
from ledger.evidence import (
    Evidence,
    FalseProof,
    check_evidence,
    decode_evidence,
    encode_evidence,
    evidence_subject,
)
from ledger.norm import (
    PROOF_FILE_SIZE_MAX,
    NormRule,
    ProofFile,
    check_total,
    check_update_proof,
    decode_proof_file,
    encode_proof_file,
    proof_context,
    read_rule,
    rule_value,
)
from ledger.notice import Misconduct
from scenarios.cli.evidence import evidence_command
from tests.corpus.attacks import H1, H2, H3, H4, Attack, put_blob, staged
from tests.corpus.judge import judged
from tests.corpus.proofs import (
    NO_PROOF,
    NOTHING,
    PROOFS,
    Edit,
    chain_with,
    coalition,
    false_proof,
    flipped,
    of_context,
    of_file,
    of_parts,
    of_total,
    of_two,
    proposed,
    signed,
    sound_proof,
    unchanged,
)
from tests.forge import Forge, grow, model_bytes, proven, small_rule, start, sum_of

STRANGER = NodeId("stranger")
REFUSED_S = 2.0
"""Processor time in which what is no proof is refused: one that verifies takes a twentieth."""
MEMORY_MAX = 64 * 2**20
"""Bytes that it may take."""


@pytest.fixture(scope="module")
def forge() -> Forge:
    return coalition()


@pytest.fixture(scope="module")
def genesis(forge: Forge) -> Block:
    return forge.genesis()


@pytest.fixture(scope="module")
def plain() -> tuple[Forge, tuple[Block, ...]]:
    """The coalition of the scenes, in whose place that of the attacks comes."""
    found = Forge()
    return found, tuple(found.blocks())


def flaws(report: AuditReport) -> list[tuple[str, int | None]]:
    return [(each.code, each.height) for each in report.findings]


# The audit


def test_a_ledger_with_proofs_is_valid_and_each_proof_is_verified_once(tmp_path: Path) -> None:
    forge = Forge(norm=small_rule())
    run = forge.write(tmp_path, forge.blocks(), ["h1", "h2"])
    report = audit_run(run)
    assert report.judgement is Judgement.VALID, report.findings
    assert report.counters.proofs == 2


def test_below_level_3_the_files_of_proofs_are_not_looked_at(tmp_path: Path) -> None:
    forge = coalition()
    forge.proofs.clear()
    run = forge.write(tmp_path, forge.blocks())
    for file in (run / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    report = audit_run(run, AuditOptions(level=Level.L2))
    assert report.judgement is Judgement.VALID
    assert report.counters.proofs == 0
    assert {code for code, _ in flaws(audit_run(run))} == {"BLOB_MISSING"}


def test_a_model_names_its_files_once_each_and_first_of_all_its_own(forge: Forge) -> None:
    state = start(Block(forge.founding, forge.genesis().seal))
    candidate = of_two(forge, state)
    block = forge.seal(forge.core(state, RecordType.ACCEPTED, candidate), accepting=forge.voters)
    proofs = [entry.proof for entry in candidate.updates]
    assert files_of(block) == (candidate.model.file, candidate.total, *proofs)
    same = replace(candidate, total=candidate.updates[0].proof)
    assert len(files_of(Block(replace(block.core, body=same), block.seal))) == 3


@pytest.mark.parametrize(("attack", "findings"), PROOFS.values(), ids=PROOFS)
def test_an_attack_on_proofs_has_exactly_these_findings(
    tmp_path: Path, plain: tuple[Forge, tuple[Block, ...]], attack: Attack, findings: str
) -> None:
    assert found_in(tmp_path, plain, attack) == findings


def found_in(run: Path, plain: tuple[Forge, tuple[Block, ...]], attack: Attack) -> str:
    report = judged(staged(run, *plain, attack).run)
    return ", ".join(
        f"{each['code']} {each['node'] or '-'} {each['height']}" for each in report["findings"]
    )


CONTEXTS: dict[str, object] = {
    "author": H3,
    "round": 2,
    "parent": NOTHING,
    "model": NOTHING,
    "ciphertext": sha256(b"another update"),
    "members": 5,
    "quantiser": "another",
}
"""What a proof is bound to, and what it is bound to instead."""


@pytest.mark.parametrize(("field", "value"), CONTEXTS.items(), ids=CONTEXTS)
def test_a_proof_in_another_context_is_none_whoever_signs_it(
    tmp_path: Path, plain: tuple[Forge, tuple[Block, ...]], field: str, value: object
) -> None:
    attack = proposed(of_context(**{field: value}))
    assert found_in(tmp_path, plain, attack) == "BAD_PROOF - 1"


def test_a_proof_of_a_larger_norm_is_none(
    tmp_path: Path, plain: tuple[Forge, tuple[Block, ...]]
) -> None:
    def change(forge: Forge, state: object, candidate: ModelCandidate) -> ModelCandidate:
        entry, slot = candidate.updates[0], 1
        rule = replace(small_rule(), bound=17)
        parent = core_hash(forge.founding)
        file, _ = proven(rule, proof_context(rule, entry, slot, parent, candidate.base))
        return of_file(lambda _: file)(forge, state, candidate)  # type: ignore[arg-type]

    assert found_in(tmp_path, plain, proposed(change)) == "BAD_PROOF - 1"


HUGE = b"\xa2\x65proof\x5b" + (2**63 - 1).to_bytes(8) + bytes(64)
"""A map whose first byte string claims to have 2^63 - 1 bytes."""

NO_PROOFS: dict[str, Edit] = {
    "a bit flipped in the commitment": flipped(200),
    "a bit flipped in the proof": flipped(-200),
    "a bit flipped at the end": flipped(-1),
    "bytes behind it": lambda file: file + b"\0",
    "cut": lambda file: file[:-1],
    "half of it": lambda file: file[: len(file) // 2],
    "empty": lambda _: b"",
    "zeros": lambda file: bytes(len(file)),
    "no map": lambda _: encode([b"c", b"p"]),
    "a huge length": lambda _: HUGE,
    "many arrays": lambda _: b"\x9b" + (2**63 - 1).to_bytes(8) + bytes(64),
    "deeply nested": lambda _: b"\x81" * 100_000,
    "twice": lambda file: file + file,
    "no commitment": of_parts(lambda _, p: {"proof": p}),
    "another key": of_parts(lambda c, p: {"commitment": c, "proof": p, "more": 1}),
    "empty proof": of_parts(lambda c, _: {"commitment": c, "proof": b""}),
    "proof of text": of_parts(lambda c, _: {"commitment": c, "proof": "p"}),
    "exchanged": of_parts(lambda c, p: {"commitment": p, "proof": c}),
    "proof with a tail": of_parts(lambda c, p: {"commitment": c, "proof": p + b"\0"}),
    "commitment with a tail": of_parts(lambda c, p: {"commitment": c + b"\0", "proof": p}),
    "proof that claims a length": of_parts(
        lambda c, p: {"commitment": c, "proof": p[:-4000] + b"\xff" * 4000}
    ),
    "a proof of another kind": of_parts(lambda c, p: {"commitment": c, "proof": b"PQL\1" + p[4:]}),
    "a long proof": of_parts(lambda c, p: {"commitment": c, "proof": p + bytes(10**6)}),
}
"""Proof files that prove nothing."""


@pytest.mark.parametrize("edit", NO_PROOFS.values(), ids=NO_PROOFS)
def test_what_is_no_proof_is_refused_quickly_in_bounded_memory(forge: Forge, edit: Edit) -> None:
    sound = sound_proof(forge, H2)
    file = edit(sound.file)
    entry = replace(sound.entry, proof=sha256(file))
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(Violation) as error:
        check_update_proof(small_rule(), entry, sound.slot, sound.parent, sound.base, file)
    spent = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.value.code == ("BAD_PROOF" if file else "BAD_PROOF_FILE")
    assert spent < REFUSED_S
    assert peak < MEMORY_MAX + 10 * len(file)


@pytest.mark.parametrize("name", ["a bit flipped in the proof", "bytes behind it", "no map"])
def test_an_audit_names_a_signed_file_that_is_no_proof(
    tmp_path: Path, plain: tuple[Forge, tuple[Block, ...]], name: str
) -> None:
    assert found_in(tmp_path, plain, proposed(of_file(NO_PROOFS[name]))) == "BAD_PROOF - 1"


def test_a_proof_file_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = sound_proof(coalition(), H2)
    place = (sound.slot, sound.parent, sound.base, sound.file)
    monkeypatch.setattr("ledger.norm.PROOF_FILE_SIZE_MAX", len(sound.file))
    check_update_proof(small_rule(), sound.entry, *place)
    monkeypatch.setattr("ledger.norm.PROOF_FILE_SIZE_MAX", len(sound.file) - 1)
    with pytest.raises(Violation, match="BAD_PROOF_FILE: expected a proof file of 1 to"):
        check_update_proof(small_rule(), sound.entry, *place)
    with pytest.raises(Violation, match="BAD_PROOF:"):
        decode_proof_file(sound.file)


def off_by(change: int, at: int) -> Edit:
    """One of the integers is another one."""

    def edit(file: bytes) -> bytes:
        values = np.frombuffer(file, "<i8").copy()
        values[at] += change
        return values.tobytes()

    return edit


TOTALS: dict[str, Edit] = {
    "one more in a value": off_by(1, 0),
    "one more behind the values": off_by(1, 100),
    "one less in the randomness": off_by(-1, -1),
    "a huge entry": off_by(2**62, 3),
    "q more": off_by(2**54 - 131, 0),
    "zeros": lambda file: bytes(len(file)),
    "ones": lambda file: b"\xff" * len(file),
    "twice": lambda file: file + file,
    "a byte more": lambda file: file + b"\0",
    "one integer less": lambda file: file[:-8],
    "empty": lambda _: b"",
}
"""Totals that do not open what was proven."""


@pytest.mark.parametrize("edit", TOTALS.values(), ids=TOTALS)
def test_a_total_that_does_not_open_the_sum_is_found_whoever_signs_it(
    tmp_path: Path, plain: tuple[Forge, tuple[Block, ...]], edit: Edit
) -> None:
    assert found_in(tmp_path, plain, proposed(of_total(edit))) == "BAD_TOTAL - 1"


def test_a_total_is_the_sum_of_what_was_committed_to(forge: Forge) -> None:
    rule = small_rule()
    contexts = [
        proof_context(rule, UpdateEntry(node, NOTHING, 1), 1, NOTHING, NOTHING)
        for node in (H1, H2, H3)
    ]
    openings = [proven(rule, each)[1] for each in contexts]
    found = check_total(rule, [each.commitment for each in openings], sum_of(openings))
    values = [each.payload[0, 0, : rule.length] for each in openings]
    assert np.array_equal(found, np.sum(values, axis=0))
    for some in (openings[:2], [*openings, openings[0]], []):
        with pytest.raises(Violation, match="BAD_TOTAL"):
            check_total(rule, [each.commitment for each in some], sum_of(openings))


def test_the_same_proof_and_total_in_a_second_slot_are_none(tmp_path: Path) -> None:
    """What was handed in once does not count again, although everybody signs it."""
    forge = Forge(round_count=2, norm=small_rule())
    blocks = [forge.genesis()]
    state = start(blocks[0])
    blocks.append(forge.rejected(state, model_bytes(1), H1))
    first = blocks[-1].core.body
    assert isinstance(first, ModelCandidate)
    state = grow(state, blocks[-1])
    core = forge.core(state, RecordType.REJECTED, first)
    blocks.append(forge.seal(core, accepting=()))
    blocks.append(forge.end(grow(state, blocks[-1])))
    assert flaws(audit_run(forge.write(tmp_path, blocks))) == [("BAD_PROOF", 2)]


def test_of_several_files_that_are_gone_each_is_named(tmp_path: Path) -> None:
    forge = coalition()
    blocks = chain_with(forge, unchanged)
    run = forge.write(tmp_path, blocks)
    for file in forge.proofs[-3:]:
        (run / "blobs" / "sha256" / sha256(file).hex()[:2] / sha256(file).hex()).unlink()
    assert flaws(audit_run(run)) == [("BLOB_MISSING", 1)] * 3


# The rule


def test_a_rule_reads_back() -> None:
    for rule in (None, small_rule(), NormRule(2**20, 2**14, "truncate", 1)):
        assert read_rule(rule_value(rule)) == rule


@pytest.mark.parametrize(
    "change",
    [
        {"length": 2**22 + 1},
        {"length": 2**62},
        {"bound": 2**15 + 1},
        {"bound": 2**62},
        {"length": 0},
        {"members": 0},
        {"quantiser": ""},
        {"bound": True},
        {"more": 1},
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_proven_is_refused(change: dict[str, object]) -> None:
    value = rule_value(small_rule())
    assert isinstance(value, dict)
    with pytest.raises(Violation) as error:
        read_rule({**value, **change})
    assert error.value.code == "BAD_SCHEMA"


def test_a_proof_file_reads_back() -> None:
    file = ProofFile(b"commitment", b"proof")
    assert decode_proof_file(encode_proof_file(file)) == file
    assert PROOF_FILE_SIZE_MAX == 2**24


# Evidence


@pytest.mark.parametrize(
    "edit",
    [each for name, each in NO_PROOFS.items() if name != "empty"],
    ids=[name for name in NO_PROOFS if name != "empty"],
)
def test_whoever_signs_a_proof_of_nothing_is_convicted_and_nobody_else(
    forge: Forge, genesis: Block, edit: Edit
) -> None:
    evidence = false_proof(forge, H2, edit(sound_proof(forge, H2).file), 7)
    found = check_evidence(decode_evidence(encode_evidence(evidence)), genesis)
    assert (found.misconduct, found.slot, found.culprits) == (Misconduct.NORM, 7, (H2,))
    assert found.code == "NORM"
    assert found.explanation.startswith("h2 signed an update in slot 7 with a proof that proves")


def other(evidence: FalseProof, **changes: object) -> FalseProof:
    """The same with other fields, signed anew: the proof is one of something else."""
    return signed(coalition(), replace(evidence, **changes))  # type: ignore[arg-type]


FALSE_PROOFS: dict[str, Callable[[FalseProof], FalseProof]] = {
    "another slot": lambda sound: other(sound, slot=2),
    "another parent": lambda sound: other(sound, parent=NOTHING),
    "another base": lambda sound: other(sound, base=NOTHING),
    "another update": lambda sound: other(sound, entry=replace(sound.entry, update=NOTHING)),
    "another author": lambda sound: other(sound, entry=replace(sound.entry, author=H3)),
}


@pytest.mark.parametrize("change", FALSE_PROOFS.values(), ids=FALSE_PROOFS)
def test_whoever_signs_a_proof_of_something_else_is_convicted(
    forge: Forge, genesis: Block, change: Callable[[FalseProof], FalseProof]
) -> None:
    evidence = change(sound_proof(forge, H2))
    assert check_evidence(evidence, genesis).culprits == (evidence.entry.author,)


def unproven_signature(evidence: FalseProof) -> FalseProof:
    """The author has signed the update without the proof."""
    bare = replace(evidence.entry, proof=None)
    said = update_attestation(
        evidence.chain_id, evidence.slot, evidence.parent, evidence.base, bare
    )
    key = coalition().keys[evidence.entry.author]
    return replace(evidence, signature=sign_value(key, said.label, said.fields))


def without_proof(evidence: FalseProof) -> FalseProof:
    """The author has signed an update that names no proof at all."""
    return other(evidence, entry=replace(evidence.entry, proof=None))


def no_evidence() -> dict[str, tuple[FalseProof, str]]:
    """Files that convict nobody, and why."""
    forge = coalition()
    false, sound = false_proof(forge, H2, NO_PROOF), sound_proof(forge, H2)
    entry = false.entry
    return {
        "the proof verifies": (sound, "NO_CONTRADICTION"),
        "the sample count is another": (
            other(sound, entry=replace(sound.entry, sample_count=5)),
            "NO_CONTRADICTION",
        ),
        "the file is not the signed one": (replace(sound, file=NO_PROOF), "BAD_PROOF_FILE"),
        "the signed one is not the file": (replace(false, file=sound.file), "BAD_PROOF_FILE"),
        "the update names no proof": (without_proof(false), "BAD_PROOF_FILE"),
        "an empty file was signed": (false_proof(forge, H2, b""), "BAD_PROOF_FILE"),
        "the signature is another's": (signed(forge, false, H3), "BAD_SIGNATURE"),
        "the signature does not cover the proof": (unproven_signature(false), "BAD_SIGNATURE"),
        "the signature is cut": (replace(false, signature=false.signature[1:]), "BAD_SIGNATURE"),
        "it is laid at another's door": (
            replace(false, entry=replace(entry, author=H3)),
            "BAD_SIGNATURE",
        ),
        "another proof": (replace(false, entry=replace(entry, proof=NOTHING)), "BAD_SIGNATURE"),
        "another weight": (replace(false, entry=replace(entry, sample_count=1)), "BAD_SIGNATURE"),
        "another slot": (replace(sound, slot=2), "BAD_SIGNATURE"),
        "another parent": (replace(sound, parent=NOTHING), "BAD_SIGNATURE"),
        "another base": (replace(sound, base=NOTHING), "BAD_SIGNATURE"),
        "another chain": (replace(false, chain_id=NOTHING), "BAD_CHAIN"),
        "another chain that was signed": (other(false, chain_id=NOTHING), "BAD_CHAIN"),
        "somebody unknown": (
            replace(false, entry=replace(entry, author=STRANGER)),
            "UNKNOWN_SIGNER",
        ),
    }


@pytest.mark.parametrize("case", no_evidence())
def test_what_was_not_signed_or_is_proven_convicts_nobody(genesis: Block, case: str) -> None:
    evidence, code = no_evidence()[case]
    with pytest.raises(Violation) as error:
        check_evidence(evidence, genesis)
    assert error.value.code == code


def test_a_coalition_that_asks_for_no_proofs_convicts_nobody_of_a_false_one() -> None:
    forge = Forge()
    evidence = false_proof(forge, H2, NO_PROOF)
    with pytest.raises(Violation) as error:
        check_evidence(evidence, forge.genesis())
    assert error.value.code == "NO_CONTRADICTION"
    assert error.value.expected == "a coalition that asks for proofs"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_changed_byte_of_an_honest_update_convicts_anybody(data: st.DataObject) -> None:
    forge = coalition()
    content = encode_evidence(sound_proof(forge, H2))
    head = len(content) - len(encode_evidence(replace(sound_proof(forge, H2), file=b"-")))
    # Most of the bytes are the proof; most of the meaning is before and behind it.
    at = data.draw(st.integers(0, len(content) - 1) | st.integers(head, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    with pytest.raises(Violation):
        check_evidence(decode_evidence(bytes(changed)), GENESIS)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_byte_of_evidence_convicts_nobody_else(data: st.DataObject) -> None:
    content = bytearray(encode_evidence(false_proof(coalition(), H2, NO_PROOF)))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Violation):
        check_evidence(decode_evidence(bytes(content)), GENESIS)


GENESIS = coalition().genesis()


@pytest.mark.parametrize("make", [false_proof, lambda forge, node, _: sound_proof(forge, node)])
def test_evidence_reads_back(make: Callable[[Forge, NodeId, bytes], Evidence]) -> None:
    evidence = make(coalition(), H2, NO_PROOF)
    content = encode_evidence(evidence)
    assert decode_evidence(content) == evidence
    assert encode_evidence(decode_evidence(content)) == content
    for broken in (content[:-1], content + b"\0"):
        with pytest.raises(Violation):
            decode_evidence(broken)


def test_the_subject_of_a_false_proof_is_the_update_and_not_its_signature(forge: Forge) -> None:
    evidence = false_proof(forge, H2, NO_PROOF)
    assert evidence_subject(replace(evidence, signature=b"other")) == evidence_subject(evidence)
    changed: list[FalseProof] = [
        replace(evidence, slot=2),
        replace(evidence, parent=NOTHING),
        replace(evidence, base=NOTHING),
        replace(evidence, chain_id=NOTHING),
        *(
            replace(evidence, entry=replace(evidence.entry, **change))
            for change in (
                {"author": H3},
                {"update": NOTHING},
                {"sample_count": 1},
                {"proof": NOTHING},
                {"proof": None},
            )
        ),
    ]
    assert len({evidence_subject(each) for each in [evidence, *changed]}) == 1 + len(changed)


def test_recorded_evidence_of_a_false_proof_excludes_its_author(tmp_path: Path) -> None:
    forge = Forge(round_count=2, norm=small_rule())
    blocks = [forge.genesis()]
    state = start(blocks[0])
    evidence = false_proof(forge, H2, NO_PROOF)
    blocks.append(forge.evidence(state, evidence, blocks[0]))
    state = grow(state, blocks[-1])
    assert state.excluded == {H2}
    assert files_of(blocks[-1]) == (sha256(forge.exhibits[0]),)
    for make, number in ((forge.accepted, 1), (forge.rejected, 2)):
        assert state.leader != H2
        blocks.append(make(state, model_bytes(number)))
        state = grow(state, blocks[-1])
    run = forge.write(tmp_path, [*blocks, forge.end(state)])
    report = audit_run(run)
    assert report.judgement is Judgement.VALID, report.findings
    path = put_blob(tmp_path / "elsewhere", forge.exhibits[0])
    assert evidence_command(path, run / "ledger" / "h1" / "00000000.seg", as_json=False) == 0


def test_the_command_judges_evidence_of_a_false_proof(
    tmp_path: Path, forge: Forge, genesis: Block, capsys: pytest.CaptureFixture[str]
) -> None:
    path, trusted = tmp_path / "evidence.cbor", tmp_path / "genesis"
    trusted.write_bytes(encode_block(genesis))
    path.write_bytes(encode_evidence(false_proof(forge, H4, NO_PROOF)))
    assert evidence_command(path, trusted, as_json=False) == 0
    printed = capsys.readouterr().out
    assert "NORM in slot 1" in printed
    assert "convicted by their own signatures: h4" in printed
    assert evidence_command(path, trusted, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["misconduct"], said["culprits"]) == ("proven", "norm", ["h4"])
    path.write_bytes(encode_evidence(sound_proof(forge, H4)))
    assert evidence_command(path, trusted, as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["code"]) == ("not proven", "NO_CONTRADICTION")
