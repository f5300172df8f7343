"""The bodies of blocks: what a genesis declares, and what was put to the vote.

    genesis             {run, nodes, quorum_sets, protocol, rule, rounds, keys, scenario,
                         environment, data, model}
    accepted, rejected  {candidate: model candidate | end candidate | null}
    end                 {candidate: end candidate}

A candidate's digest is what verdicts are signed over; this module and the learning side compute it
from the same map. Source: docs/ledger-format.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus.errors import QuorumSetError
from consensus.quorum import QuorumSet, check_sane, quorum_set_value
from crypto.digest import Digest, digest
from crypto.encoding import Value
from crypto.errors import SignatureError
from crypto.identity import NodeId
from crypto.signature import Algorithm, PublicKey

from . import schema
from .errors import Violation

PUBLIC_KEY_SIZE_MAX = 4096
"""Bytes; ML-DSA-87 public keys have 2,592."""
KEYS_FROM_SEED = "derived from the scenario's seed"
"""Keys that anyone who has the scenario can derive: signatures prove nothing against its owner."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model kept off the chain, by two digests."""

    file: Digest
    """SHA-256 of the safetensors file: the name of its blob."""
    tensors: Digest
    """Digest of names, types, shapes and values, independent of the file's layout."""
    size_bytes: int
    """Length of the file."""


@dataclass(frozen=True, slots=True)
class DataCommitment:
    """Digests of the data a hospital brings."""

    node: NodeId
    """The hospital."""
    train: Digest
    """Its training samples."""
    local: Digest
    """Its local validation set L."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a coalition agrees on before it starts."""

    run: Digest
    """Identifies the run: digest of scenario and environment."""
    nodes: Mapping[NodeId, PublicKey]
    """The coalition and its voting keys."""
    quorum_sets: Mapping[NodeId, QuorumSet]
    """Whom each node trusts."""
    protocol: str
    """Name of the consensus protocol."""
    rule: str
    """Where the quorum sets come from: ``majority``, ``two-thirds`` or ``quorum-sets``."""
    round_count: int
    """Slots 1 to this number decide models; the first end candidate comes after."""
    keys: str
    """Where the voting keys come from."""
    scenario: Digest
    """Digest of the resolved scenario."""
    environment: Digest
    """Digest of the versions that a replay must have to give the same digests."""
    global_set: Digest
    """Digest of G."""
    data: tuple[DataCommitment, ...]
    """What each hospital brings, sorted by node."""
    model: ModelFile
    """The model before the first round."""


@dataclass(frozen=True, slots=True)
class UpdateEntry:
    """One hospital's contribution to a candidate."""

    author: NodeId
    """Who trained it."""
    update: Digest
    """Digest of the update."""
    sample_count: int
    """Training samples behind it: its weight in the mean."""


@dataclass(frozen=True, slots=True)
class ModelCandidate:
    """A model put to the vote."""

    model: ModelFile
    """The candidate's weights."""
    base: Digest
    """Tensor digest of the model it was trained from."""
    scheme: str
    """``sequential`` or ``fedavg``."""
    global_score: int
    """The proposer's score on G, in millionths; every validator recomputes it."""
    updates: tuple[UpdateEntry, ...]
    """What was combined, sorted by author."""


@dataclass(frozen=True, slots=True)
class EndCandidate:
    """The proposal to end the run."""

    final_height: int
    """Height of the end block."""
    accepted_count: int
    """Models accepted."""
    model: Digest
    """Tensor digest of the final model."""


Candidate = ModelCandidate | EndCandidate
"""What is put to the vote."""
Body = Genesis | Candidate | None
"""What a core says: a genesis, a candidate, or None where no candidate arrived."""


def candidate_value(candidate: Candidate) -> Value:
    """The map that stands in a body."""
    match candidate:
        case ModelCandidate():
            return {
                "kind": "model",
                "model": _model_value(candidate.model),
                "base": candidate.base,
                "scheme": candidate.scheme,
                "global_score": candidate.global_score,
                "updates": [
                    [each.author, each.update, each.sample_count] for each in candidate.updates
                ],
            }
        case EndCandidate():
            return {
                "kind": "end",
                "final_height": candidate.final_height,
                "accepted_count": candidate.accepted_count,
                "model": candidate.model,
            }


def candidate_digest(candidate: Candidate) -> Digest:
    """What a verdict is signed over."""
    return digest("tclearn/candidate/v1", candidate_value(candidate))


def body_value(body: Body) -> Value:
    """The map that stands in a core."""
    if isinstance(body, Genesis):
        return _genesis_value(body)
    return {"candidate": None if body is None else candidate_value(body)}


def read_candidate(body: Any) -> Candidate | None:
    """Read the body of an accepted, rejected or end block; None where no candidate arrived.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    (value,) = schema.fields(body, "the body", "candidate")
    if value is None:
        return None
    kind = value.get("kind") if type(value) is dict else None
    if kind == "model":
        return _read_model_candidate(value)
    if kind == "end":
        _, final_height, accepted_count, model = schema.fields(
            value, "the candidate", "kind", "final_height", "accepted_count", "model"
        )
        return EndCandidate(
            schema.integer(final_height, "final_height", least=1),
            schema.integer(accepted_count, "accepted_count"),
            schema.digest32(model, "model"),
        )
    raise Violation("BAD_SCHEMA", "a candidate of kind model or end", repr(kind)[:80])


def read_genesis(body: Any) -> Genesis:
    """Read the body of a genesis block.

    Raises:
        Violation: ``BAD_SCHEMA`` or ``BAD_QUORUM_SET``.
    """
    run, nodes, quorum_sets, protocol, rule, rounds, keys, scenario, environment, data, model = (
        schema.fields(
            body,
            "the genesis",
            "run",
            "nodes",
            "quorum_sets",
            "protocol",
            "rule",
            "rounds",
            "keys",
            "scenario",
            "environment",
            "data",
            "model",
        )
    )
    members = schema.items(nodes, "nodes", _read_member)
    schema.check_sorted((node for node, _ in members), "nodes")
    if not members:
        raise Violation("BAD_SCHEMA", "at least one node in the genesis", "none")
    known = dict(members)
    global_set, hospitals = schema.fields(data, "the data", "global", "hospitals")
    commitments = schema.items(hospitals, "the hospitals' data", _read_commitment)
    schema.check_sorted((each.node for each in commitments), "the hospitals' data")
    return Genesis(
        schema.digest32(run, "run"),
        known,
        _read_quorum_sets(quorum_sets, known),
        schema.text(protocol, "protocol"),
        schema.text(rule, "rule"),
        schema.integer(rounds, "rounds"),
        schema.text(keys, "keys"),
        schema.digest32(scenario, "scenario"),
        schema.digest32(environment, "environment"),
        schema.digest32(global_set, "the digest of G"),
        commitments,
        _read_model(model),
    )


def _genesis_value(genesis: Genesis) -> Value:
    return {
        "run": genesis.run,
        "nodes": [
            [node, key.algorithm.value, key.raw] for node, key in sorted(genesis.nodes.items())
        ],
        "quorum_sets": {
            node: quorum_set_value(each) for node, each in sorted(genesis.quorum_sets.items())
        },
        "protocol": genesis.protocol,
        "rule": genesis.rule,
        "rounds": genesis.round_count,
        "keys": genesis.keys,
        "scenario": genesis.scenario,
        "environment": genesis.environment,
        "data": {
            "global": genesis.global_set,
            "hospitals": [[each.node, each.train, each.local] for each in genesis.data],
        },
        "model": _model_value(genesis.model),
    }


def _model_value(model: ModelFile) -> Value:
    return {"file": model.file, "tensors": model.tensors, "size_bytes": model.size_bytes}


def _read_model(value: Any) -> ModelFile:
    file, tensors, size_bytes = schema.fields(value, "a model", "file", "tensors", "size_bytes")
    return ModelFile(
        schema.digest32(file, "a model's file"),
        schema.digest32(tensors, "a model's tensors"),
        schema.integer(size_bytes, "a model's size_bytes"),
    )


def _read_model_candidate(value: Any) -> ModelCandidate:
    _, model, base, scheme, global_score, updates = schema.fields(
        value, "the candidate", "kind", "model", "base", "scheme", "global_score", "updates"
    )
    entries = schema.items(updates, "updates", _read_update)
    schema.check_sorted((each.author for each in entries), "updates")
    return ModelCandidate(
        _read_model(model),
        schema.digest32(base, "base"),
        schema.text(scheme, "scheme"),
        schema.integer(global_score, "global_score"),
        entries,
    )


def _read_update(value: Any, where: str) -> UpdateEntry:
    author, update, sample_count = _triple(value, where)
    return UpdateEntry(
        schema.node(author, "an update's author"),
        schema.digest32(update, "an update's digest"),
        schema.integer(sample_count, "an update's sample count", least=1),
    )


def _read_commitment(value: Any, where: str) -> DataCommitment:
    node, train, local = _triple(value, where)
    return DataCommitment(
        schema.node(node, where), schema.digest32(train, where), schema.digest32(local, where)
    )


def _read_member(value: Any, where: str) -> tuple[NodeId, PublicKey]:
    node, algorithm, raw = _triple(value, where)
    try:
        known = Algorithm(schema.text(algorithm, "a key's algorithm"))
    except ValueError:
        raise Violation("BAD_SCHEMA", "a signature algorithm", repr(algorithm)) from None
    octets = schema.octets(raw, "a public key", size_max=PUBLIC_KEY_SIZE_MAX)
    try:
        key = PublicKey(known, octets)
    except SignatureError as error:
        raise Violation("BAD_SCHEMA", f"a public key of {known}", str(error)) from None
    return schema.node(node, where), key


def _read_quorum_sets(
    value: Any, members: Mapping[NodeId, PublicKey]
) -> Mapping[NodeId, QuorumSet]:
    if type(value) is not dict or value.keys() != members.keys():
        raise Violation("BAD_QUORUM_SET", "a quorum set for each node and no other", _named(value))
    sets: dict[NodeId, QuorumSet] = {}
    for node, each in value.items():
        quorum_set = _read_quorum_set(each)
        try:
            check_sane(quorum_set)
        except QuorumSetError as error:
            raise Violation("BAD_QUORUM_SET", f"a sane quorum set of {node}", str(error)) from None
        sets[NodeId(node)] = quorum_set
    return sets


def _read_quorum_set(value: Any) -> QuorumSet:
    threshold, validators, inner_sets = _triple(value, "a quorum set")
    return QuorumSet(
        schema.integer(threshold, "a threshold"),
        schema.items(validators, "validators", schema.node),
        schema.items(inner_sets, "inner sets", lambda each, _: _read_quorum_set(each)),
    )


def _triple(value: Any, where: str) -> tuple[Any, Any, Any]:
    if type(value) is not list or len(value) != 3:
        raise Violation("BAD_SCHEMA", f"a list of three as {where}", repr(value)[:80])
    return value[0], value[1], value[2]


def _named(value: Any) -> str:
    return ", ".join(sorted(map(str, value))) if type(value) is dict else type(value).__name__
