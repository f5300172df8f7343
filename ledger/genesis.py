"""The genesis: what a coalition agrees on before it starts.

    {run, nodes, quorum_sets, protocol, rule, rounds, quarantine_after, norm, keys, scenario,
     environment, data, model}

Source: docs/ledger-format.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus.certificate import DECIDING
from consensus.errors import QuorumSetError
from consensus.quorum import QuorumSet, check_sane, quorum_set_value
from crypto.algorithm import Algorithm
from crypto.digest import Digest
from crypto.encoding import Value
from crypto.errors import SignatureError
from crypto.identity import NodeId
from crypto.keys import PublicKey, parse_public_key

from . import schema
from .errors import Violation
from .model import ModelFile, model_value, read_model
from .norm import NormRule, read_rule, rule_value

PUBLIC_KEY_SIZE_MAX = 4096
"""Bytes; ML-DSA-87 public keys have 2,592."""
WITNESS_ALGORITHM = Algorithm.ML_DSA_44
"""What checkpoints are signed with (C2SP tlog-cosignature, type 0x06)."""
KEYS_FROM_SEED = "derived from the scenario's seed"
"""Keys that anyone who has the scenario can derive: signatures prove nothing against its owner."""


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
    witnesses: Mapping[NodeId, PublicKey]
    """Their ML-DSA-44 keys for checkpoints: a voting key never signs a checkpoint."""
    quorum_sets: Mapping[NodeId, QuorumSet]
    """Whom each node trusts."""
    protocol: str
    """Name of the consensus protocol: a key of `consensus.certificate.DECIDING`."""
    rule: str
    """Where the quorum sets come from: ``majority``, ``two-thirds``, ``quorum-sets`` or
    ``authority``."""
    round_count: int
    """Rounds of learning; the first end candidate comes after."""
    quarantine_after: int
    """How many of an author's candidates must have been rejected before it may be quarantined; 0
    where a vote is enough."""
    norm: NormRule | None
    """What every update must be proven to be; None where nothing is proven."""
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


def read_genesis(body: Any) -> Genesis:
    """Read the body of a genesis block.

    Raises:
        Violation: ``BAD_SCHEMA`` or ``BAD_QUORUM_SET``.
    """
    (
        run,
        nodes,
        quorum_sets,
        protocol,
        rule,
        rounds,
        quarantine_after,
        norm,
        keys,
        scenario,
        environment,
        data,
        model,
    ) = schema.fields(
        body,
        "the genesis",
        "run",
        "nodes",
        "quorum_sets",
        "protocol",
        "rule",
        "rounds",
        "quarantine_after",
        "norm",
        "keys",
        "scenario",
        "environment",
        "data",
        "model",
    )
    members = schema.items(nodes, "nodes", _read_member)
    schema.check_sorted((node for node, _, _ in members), "nodes")
    if not members:
        raise Violation("BAD_SCHEMA", "at least one node in the genesis", "none")
    given = [key for _, voting, witness in members for key in (voting, witness)]
    if len(set(given)) != len(given):
        raise Violation(
            "BAD_GENESIS", "a key of its own for each node and purpose", "one key twice"
        )
    known = {node: voting for node, voting, _ in members}
    global_set, hospitals = schema.fields(data, "the data", "global", "hospitals")
    commitments = schema.items(hospitals, "the hospitals' data", _read_commitment)
    schema.check_sorted((each.node for each in commitments), "the hospitals' data")
    return Genesis(
        schema.digest32(run, "run"),
        known,
        {node: witness for node, _, witness in members},
        _read_quorum_sets(quorum_sets, known),
        _read_protocol(protocol),
        schema.text(rule, "rule"),
        schema.integer(rounds, "rounds"),
        schema.integer(quarantine_after, "quarantine_after"),
        read_rule(norm),
        schema.text(keys, "keys"),
        schema.digest32(scenario, "scenario"),
        schema.digest32(environment, "environment"),
        schema.digest32(global_set, "the digest of G"),
        commitments,
        read_model(model),
    )


def genesis_value(genesis: Genesis) -> Value:
    """The map that stands in a genesis core."""
    return {
        "run": genesis.run,
        "nodes": [
            [node, key.algorithm.value, key.raw, genesis.witnesses[node].raw]
            for node, key in sorted(genesis.nodes.items())
        ],
        "quorum_sets": {
            node: quorum_set_value(each) for node, each in sorted(genesis.quorum_sets.items())
        },
        "protocol": genesis.protocol,
        "rule": genesis.rule,
        "rounds": genesis.round_count,
        "quarantine_after": genesis.quarantine_after,
        "norm": rule_value(genesis.norm),
        "keys": genesis.keys,
        "scenario": genesis.scenario,
        "environment": genesis.environment,
        "data": {
            "global": genesis.global_set,
            "hospitals": [[each.node, each.train, each.local] for each in genesis.data],
        },
        "model": model_value(genesis.model),
    }


def _read_protocol(value: Any) -> str:
    """A protocol whose certificates can be checked."""
    protocol = schema.text(value, "protocol")
    if protocol not in DECIDING:
        raise Violation("BAD_SCHEMA", f"one of {', '.join(DECIDING)} as protocol", repr(protocol))
    return protocol


def _read_commitment(value: Any, where: str) -> DataCommitment:
    node, train, local = schema.row(value, where, 3)
    return DataCommitment(
        schema.node(node, where), schema.digest32(train, where), schema.digest32(local, where)
    )


def _read_member(value: Any, where: str) -> tuple[NodeId, PublicKey, PublicKey]:
    node, algorithm, voting, witness = schema.row(value, where, 4)
    return (
        schema.node(node, where),
        _read_key(schema.text(algorithm, "a key's algorithm"), voting),
        _read_key(WITNESS_ALGORITHM.value, witness),
    )


def _read_key(algorithm: str, raw: Any) -> PublicKey:
    octets = schema.octets(raw, "a public key", size_max=PUBLIC_KEY_SIZE_MAX)
    try:
        return parse_public_key(algorithm, octets)
    except SignatureError as error:
        raise Violation("BAD_SCHEMA", f"a public key of {algorithm}", str(error)) from None


def _read_quorum_sets(
    value: Any, members: Mapping[NodeId, PublicKey]
) -> Mapping[NodeId, QuorumSet]:
    if type(value) is not dict or value.keys() != members.keys():
        raise Violation("BAD_QUORUM_SET", "a quorum set for each node and no other", _named(value))
    sets: dict[NodeId, QuorumSet] = {}
    for node, each in value.items():
        quorum_set = _read_quorum_set(each)
        if quorum_set_value(quorum_set) != each:
            raise Violation("BAD_QUORUM_SET", f"the entries of {node} sorted", "another order")
        try:
            check_sane(quorum_set)
        except QuorumSetError as error:
            raise Violation("BAD_QUORUM_SET", f"a sane quorum set of {node}", str(error)) from None
        sets[NodeId(node)] = quorum_set
    return sets


def _read_quorum_set(value: Any) -> QuorumSet:
    threshold, validators, inner_sets = schema.row(value, "a quorum set", 3)
    return QuorumSet(
        schema.integer(threshold, "a threshold"),
        schema.items(validators, "validators", schema.node),
        schema.items(inner_sets, "inner sets", lambda each, _: _read_quorum_set(each)),
    )


def _named(value: Any) -> str:
    return ", ".join(sorted(map(str, value))) if type(value) is dict else type(value).__name__
