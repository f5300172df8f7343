"""Write the golden vectors of the ledger format: for second readers, and against drift.

    python -m tests.vectors.make            rewrites format.json, keeps segment.seg
    python -m tests.vectors.make --segment  makes segment.seg anew as well

Everything in format.json follows from the code: the voting keys are Ed25519, whose signatures are
deterministic. segment.seg holds the possession proofs of ML-DSA-44 keys, which are randomised, so
its bytes differ each time it is made while the core hashes of its records do not.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from consensus.quorum import QuorumSet, quorum_set_digest, quorum_set_value
from consensus.statements import (
    NO_CANDIDATE,
    REASON_DEADLINE,
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
    kind_of,
    signing_fields,
)
from crypto.digest import Digest, digest, sha256
from crypto.encoding import Value, encode
from crypto.envelope import sign_value
from crypto.identity import NodeId
from crypto.possession import POSSESSION_LABEL, prove_possession
from crypto.tensors import read_tensors, tensor_digest
from ledger.attestation import attestations
from ledger.block import Block, RecordType, Seal, core_hash, core_value, encode_block
from ledger.body import Candidate, candidate_digest, candidate_value
from ledger.candidate import ModelCandidate, UpdateEntry
from ledger.chain import ChainState
from ledger.evidence import (
    Equivocation,
    Evidence,
    FalseProof,
    ForkEvidence,
    encode_evidence,
    evidence_subject,
)
from ledger.genesis import Genesis
from ledger.norm import ProofFile, encode_proof_file
from ledger.notice import (
    Action,
    MembershipNotice,
    OpinionNotice,
    QualityNotice,
)
from ledger.record import frame
from ledger.statement import statement_value
from tests.forge import Forge, grow, model_bytes, model_file, small_rule, start

HERE = Path(__file__).parent
FORMAT = HERE / "format.json"
"""Everything that is deterministic."""
SEGMENT = HERE / "segment.seg"
"""A whole ledger, one record of each type, made once."""

ROUNDS = 3
"""Rounds of learning in the chain: one accepted, one rejected, one without a candidate."""

ENCODINGS: tuple[Value, ...] = (
    0,
    23,
    24,
    255,
    256,
    2**32,
    2**64 - 1,
    -1,
    -24,
    -25,
    -(2**64),
    False,
    True,
    None,
    b"",
    bytes(range(4)),
    "",
    "abc",
    "\u00fc",
    [],
    [1, [2, 3]],
    {},
    {"b": 1, "a": 2, "aa": 3},
    {"aa": {"node": "h1"}, "z": [None, b"\xff"]},
)

REFUSED: dict[str, str] = {
    "1817": "an integer that is not in its shortest form",
    "f97e00": "a float",
    "c074323031332d30332d32315432303a30343a30305a": "a tag",
    "9fff": "an indefinite length",
    "a2616201616102": "keys that are not sorted",
    "a2616101616102": "the same key twice",
    "a10001": "a key that is not text",
    "61ff": "text that is not UTF-8",
    "0000": "bytes behind the value",
    "43ffff": "a string that ends too soon",
    "81" * 17 + "00": "17 nested arrays",
}

QUORUM_SETS = (
    QuorumSet(2, (NodeId("b"), NodeId("a"), NodeId("c"))),
    QuorumSet(
        2,
        (NodeId("x"),),
        (
            QuorumSet(2, (NodeId("c"), NodeId("b"))),
            QuorumSet(10, tuple(NodeId(f"n{number}") for number in range(10))),
        ),
    ),
)


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes become {"bytes": hexadecimal}."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def notices(forge: Forge) -> Iterator[Candidate]:
    """One candidate of every kind beside models and evidence."""
    h1, h2, h3 = forge.nodes[:3]
    yield MembershipNotice(Action.ROTATE, h2, sha256(b"the new key"), "the old key is a year old")
    yield OpinionNotice(h1, sha256(b"tensors"), 750_000, sha256(b"a good model"))
    yield QualityNotice(h1, sha256(b"samples"), ((h2, 900_000), (h3, 1_000_000)))


def evidence(forge: Forge) -> Equivocation:
    """h3 votes twice in slot 3."""
    return forge.equivocation(forge.nodes[2], Vote(3, sha256(b"one")), Vote(3, sha256(b"other")))


def blocks(forge: Forge) -> list[Block]:
    """A finished chain with a record of every type, and a round without a candidate."""
    made = [forge.genesis()]
    state = start(made[0])

    makers: list[Callable[[ChainState], Block]] = [
        lambda state: forge.accepted(state, model_bytes(1)),
        lambda state: forge.rejected(state, model_bytes(2)),
        forge.absent,
        lambda state: forge.evidence(state, evidence(forge), made[0]),
        *(partial(_notice, forge, candidate) for candidate in notices(forge)),
        forge.end,
    ]
    for make in makers:
        made.append(make(state))
        state = grow(state, made[-1])
    return made


def _notice(forge: Forge, candidate: Candidate, state: ChainState) -> Block:
    return forge.notice(state, candidate)


PROOFS = (ProofFile(b"commitment", b"proof"), ProofFile(b"\x01", b"\x02"))
"""Proof files that prove nothing: golden proofs are in norm_proof."""


def proven_block(forge: Forge) -> Block:
    """Slot 1 of a coalition that asks for proofs: a candidate of two authors who name files."""
    state = start(Block(forge.founding, Seal()))
    entries = tuple(
        UpdateEntry(node, sha256(node.encode()), 90, sha256(encode_proof_file(file)))
        for node, file in zip(forge.nodes, PROOFS, strict=False)
    )
    model, base, total = model_file(model_bytes(1)), state.model.tensors, sha256(b"total")
    candidate = ModelCandidate(model, base, "fedavg", 900_000, entries, total)
    core = forge.core(state, RecordType.ACCEPTED, candidate)
    return forge.seal(core, accepting=forge.voters)


def false_proof(forge: Forge) -> FalseProof:
    """The second of these authors by its own signature."""
    block = proven_block(forge)
    core, seal = block.core, block.seal.attestations[1]
    assert isinstance(core.body, ModelCandidate)
    entry, file = core.body.updates[1], encode_proof_file(PROOFS[1])
    base = core.body.base
    return FalseProof(core.chain, core.slot, core.prev, base, entry, seal.signature, file)


def proven(forge: Forge) -> dict[str, Any]:
    """A record that names proofs, without the genesis' randomised seal."""
    contents = [{"commitment": each.commitment, "proof": each.proof} for each in PROOFS]
    return {
        "genesis": encode(core_value(forge.founding)).hex(),
        "payload": encode_block(proven_block(forge)).hex(),
        "contents": plain(contents),
        "files": [encode_proof_file(each).hex() for each in PROOFS],
    }


def encodings() -> dict[str, Any]:
    """The encoding by examples."""
    return {
        "values": [{"value": plain(each), "hex": encode(each).hex()} for each in ENCODINGS],
        "refused": [{"hex": data, "why": why} for data, why in REFUSED.items()],
    }


def records(chain: Sequence[Block]) -> list[dict[str, Any]]:
    """The core of each block, and the digest of its candidate."""
    described = []
    for block in chain:
        body = block.core.body
        judged = None
        if body is not None and not isinstance(body, Genesis):
            judged = {
                "encoded": encode(candidate_value(body)).hex(),
                "digest": candidate_digest(body).hex(),
            }
        described.append(
            {
                "type": block.core.type.value,
                "height": block.core.height,
                "core": encode(core_value(block.core)).hex(),
                "core_hash": core_hash(block.core).hex(),
                "candidate": judged,
            }
        )
    return described


def protocol_statements(one: Digest, other: Digest, quorum_set: Digest) -> list[Statement]:
    """One statement of each kind of SCP and PBFT; of prepare and view change both forms."""
    low, high = sorted((one, other))
    ballot = Ballot(2, low)
    return [
        Nominate(1, quorum_set, (low, high), (low,)),
        Prepare(1, quorum_set, Ballot(1, low), None, None, 0, 0),
        Prepare(1, quorum_set, Ballot(3, low), ballot, Ballot(1, high), 2, 2),
        Confirm(1, quorum_set, Ballot(3, low), 3, 2, 3),
        Externalized(1, quorum_set, ballot, 3),
        PrePrepare(1, 0, one),
        ViewPrepare(1, 0, one),
        ViewCommit(1, 0, one),
        ViewChange(1, 1, None, None),
        ViewChange(1, 2, 0, one),
        NewView(1, 2, one, tuple(NodeId(f"h{number}") for number in (1, 2, 4))),
    ]


def files(forge: Forge, chain: Sequence[Block]) -> list[dict[str, Any]]:
    """Evidence of each kind, with its subject; and statements as they stand in files."""
    first, second = (core_hash(each.core) for each in chain[1:3])
    quorum_set = quorum_set_digest(forge.quorum_sets[forge.nodes[0]])
    pairs: list[tuple[str, Evidence]] = [
        ("equivocation", evidence(forge)),
        ("fork", forge.fork(forge.nodes[:3], forge.nodes[1:])),
        ("norm", false_proof(Forge(norm=small_rule()))),
    ]
    described: list[dict[str, Any]] = [
        {
            "what": what,
            "chain": _chain_of(each).hex(),
            "file": encode_evidence(each).hex(),
            "subject": evidence_subject(each).hex(),
        }
        for what, each in pairs
    ]
    said = [Vote(1, first), *protocol_statements(first, second, quorum_set)]
    described += [
        {"what": kind_of(each), "statement": encode(statement_value(each)).hex()} for each in said
    ]
    return described


def _chain_of(evidence: Evidence) -> Digest:
    return evidence.first.core.chain if isinstance(evidence, ForkEvidence) else evidence.chain_id


def certificates() -> list[dict[str, Any]]:
    """The first records of a ledger of each protocol, without the genesis' randomised seal."""
    described = []
    for protocol in ("majority", "scp", "pbft"):
        forge = Forge(protocol=protocol)
        block = forge.decided(1, forge.nodes[:3])
        described.append(
            {
                "protocol": protocol,
                "genesis": encode(core_value(forge.founding)).hex(),
                "payload": encode_block(block).hex(),
            }
        )
    return described


def preimages(forge: Forge, chain: Sequence[Block]) -> Iterator[dict[str, Any]]:
    """One of each kind of signed statement, with an Ed25519 signature."""
    genesis, model = chain[0], chain[1]
    chain_id = core_hash(genesis.core)
    run = genesis.core.body
    assert isinstance(run, Genesis)
    first = forge.nodes[0]
    key = forge.keys[first]

    def entry(what: str, node: NodeId, label: str, fields: Sequence[Value]) -> dict[str, Any]:
        signature = sign_value(forge.keys[node], label, fields)
        return {
            "what": what,
            "node": node,
            "public_key": forge.keys[node].public_key.raw.hex(),
            "context": label,
            "preimage": encode([label, *fields]).hex(),
            "signature": signature.hex(),
        }

    assert model.core.body is not None
    assert not isinstance(model.core.body, Genesis)
    candidate = candidate_digest(model.core.body)
    accepted, rejected = (core_hash(each.core) for each in chain[1:3])
    scores = (("global", 900_000), ("local", 880_000))
    quorum_set = quorum_set_digest(forge.quorum_sets[first])
    statements: list[tuple[str, Statement]] = [
        ("proposal", Proposal(1, candidate, accepted, rejected)),
        ("verdict", Verdict(1, candidate, True, "ok", scores)),
        ("verdict, no candidate", Verdict(1, NO_CANDIDATE, False, REASON_DEADLINE, ())),
        ("vote", Vote(1, accepted)),
        *((kind_of(each), each) for each in protocol_statements(accepted, rejected, quorum_set)),
    ]
    for what, statement in statements:
        yield entry(what, first, *signing_fields(statement, chain_id, first, quorum_set))
    for block in chain[1:]:
        body = block.core.body
        for each in attestations(body, chain_id, block.core.slot, block.core.prev)[:1]:
            if block.core.type.value != "rejected":
                yield entry(each.label.split("/")[1], each.node, each.label, each.fields)
    # The keys of a coalition follow from its label, so these are the same.
    core = proven_block(Forge(norm=small_rule())).core
    assert core.body is not None
    assert not isinstance(core.body, Genesis)
    signed = attestations(core.body, core.chain, core.slot, core.prev)[0]
    yield entry("update with a proof", signed.node, signed.label, signed.fields)
    fields: list[Value] = [run.run, first, key.algorithm, key.public_key.raw]
    possession = entry("possession of a voting key", first, POSSESSION_LABEL, fields)
    assert possession["signature"] == prove_possession(key, run.run, first).hex()
    yield possession


def document() -> dict[str, Any]:
    """Everything that is written to format.json."""
    forge = Forge(round_count=ROUNDS)
    chain = blocks(forge)
    tensors = model_bytes(1)
    payload = encode({"core": b"\x00", "seal": {}})
    return {
        "about": "Golden vectors of docs/ledger-format.md, written by python -m tests.vectors.make",
        "encoding": encodings(),
        "frame": {"payload": payload.hex(), "record": frame(payload).hex()},
        "digest": {"label": "tclearn/test/v1", "value": [1], "digest": _labelled().hex()},
        "quorum_sets": [
            {
                "encoded": encode(quorum_set_value(each)).hex(),
                "digest": quorum_set_digest(each).hex(),
            }
            for each in QUORUM_SETS
        ],
        "tensors": {
            "file": tensors.hex(),
            "file_digest": sha256(tensors).hex(),
            "entries": [
                [each.name, each.dtype, list(each.shape), sha256(each.raw).hex()]
                for each in read_tensors(tensors)
            ],
            "digest": tensor_digest(tensors).hex(),
        },
        "records": records(chain),
        "preimages": list(preimages(forge, chain)),
        "files": files(forge, chain),
        "certificates": certificates(),
        "proven": proven(Forge(norm=small_rule())),
    }


def _labelled() -> Digest:
    return digest("tclearn/test/v1", [1])


def main() -> None:
    """Write the vectors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segment", action="store_true", help="make segment.seg anew")
    options = parser.parse_args()
    FORMAT.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
    if options.segment or not SEGMENT.exists():
        framed = (frame(encode_block(block)) for block in blocks(Forge(round_count=ROUNDS)))
        SEGMENT.write_bytes(b"".join(framed))


if __name__ == "__main__":
    main()
