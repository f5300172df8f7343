"""Founding a coalition: data divided, keys made, the first model, and the genesis block.

Everything follows from the scenario and its seed. The voting keys do, too: they make a simulation
repeatable and its signatures worthless as evidence against whoever runs it; the genesis says so.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from consensus.quorum import QuorumSet, quorum_set_digest
from crypto.digest import Digest, digest
from crypto.identity import KeyRing, NodeId
from crypto.possession import prove_possession
from crypto.signature import Algorithm, PrivateKey, PublicKey, private_key
from fl.candidate import Candidate, claim_for
from fl.cohort import Cohort, Dirichlet, Iid, breast_cancer, from_csv, samples_digest, split
from fl.model import ModelSpec, deterministic, initial_weights, parameter_count, to_bytes
from fl.quantize import Quantizer, Rounding
from fl.train import TrainingSpec
from fl.validate import Thresholds, evaluate
from ledger.block import NO_PREVIOUS, Block, Core, NodeSeal, RecordType, Seal, core_hash
from ledger.genesis import KEYS_FROM_SEED, WITNESS_ALGORITHM, DataCommitment, Genesis
from ledger.norm import NormRule

from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from ..schema_sections import CSV_SUFFIX, MlpModel
from ..source import scenario_digest
from .candidates import model_file
from .costs import CostProfile, load_profile
from .learner import Curriculum
from .norms import Norm
from .streams import stream_seed

_DISTRIBUTIONS = ("tclearn", "numpy", "scikit-learn", "torch")


@dataclass(frozen=True, slots=True)
class Coalition:
    """What a run starts from."""

    nodes: tuple[NodeId, ...]
    """The hospitals, sorted."""
    keys: Mapping[NodeId, PrivateKey]
    """Their voting keys."""
    witness_keys: Mapping[NodeId, PrivateKey]
    """Their checkpoint keys."""
    ring: KeyRing
    """Their public keys."""
    quorum_sets: Mapping[NodeId, QuorumSet]
    """Whom each trusts."""
    quorum_set_digests: Mapping[NodeId, Digest]
    """Digest of each, as it stands in statements."""
    cohort: Cohort
    """The data; share number i belongs to hospital number i of the scenario."""
    curriculum: Curriculum
    """What is learned, and when it is good enough."""
    first_model: Candidate
    """The model before the first round."""
    genesis: Block
    """The first block of every replica."""
    costs: CostProfile
    """What computing takes in simulated time."""

    @property
    def witnesses(self) -> Mapping[NodeId, PublicKey]:
        """The public checkpoint keys."""
        return {node: key.public_key for node, key in self.witness_keys.items()}

    @property
    def chain_id(self) -> Digest:
        """Core hash of the genesis block."""
        return core_hash(self.genesis.core)


def environment() -> dict[str, str]:
    """The versions that a replay must have to give the same digests."""
    versions = {name: version(name) for name in _DISTRIBUTIONS}
    python = ".".join(platform.python_version_tuple()[:2])
    return {**versions, "python": python, "machine": platform.machine()}


def environment_digest(versions: Mapping[str, str]) -> Digest:
    """Digest of such versions, as it stands in a genesis."""
    return digest("tclearn/environment/v1", versions)


def found(scenario: Scenario) -> Coalition:
    """Found the coalition of a scenario.

    Raises:
        DataError: When the data cannot be read or divided.
        ProviderError: When no library for the signatures is there.
        ScenarioError: When the cost profile cannot be read.
    """
    deterministic()
    costs = load_profile(scenario.costs)
    cohort = _cohort(scenario)
    curriculum = _curriculum(scenario, cohort)
    first_model = _first_model(scenario.seed, curriculum)
    nodes = tuple(sorted(scenario.hospitals))
    keys = {node: _voting_key(scenario, node) for node in nodes}
    witness_keys = {node: _witness_key(scenario, node) for node in nodes}
    quorum_sets = declared_quorum_sets(scenario.protocol, scenario.hospitals)
    norm = curriculum.norm
    genesis = _genesis(scenario, keys, witness_keys, quorum_sets, cohort, first_model, norm)
    return Coalition(
        nodes,
        keys,
        witness_keys,
        KeyRing({node: key.public_key for node, key in keys.items()}),
        quorum_sets,
        {node: quorum_set_digest(each) for node, each in quorum_sets.items()},
        cohort,
        curriculum,
        first_model,
        genesis,
        costs,
    )


def _cohort(scenario: Scenario) -> Cohort:
    data = scenario.data
    if data.source.endswith(CSV_SUFFIX) and data.label is not None:
        dataset = from_csv(Path(data.source), data.label)
    else:
        dataset = breast_cancer()
    partition = Iid() if data.alpha is None else Dirichlet(data.alpha)
    return split(
        dataset,
        len(scenario.hospitals),
        partition,
        global_ppm=data.global_fraction_ppm,
        local_ppm=data.local_fraction_ppm,
        seed=stream_seed(scenario.seed, "cohort"),
    )


def _curriculum(scenario: Scenario, cohort: Cohort) -> Curriculum:
    section, validation, training = scenario.model, scenario.validation, scenario.training
    class_count = len(cohort.class_names)
    input_count = cohort.global_set.features.shape[1]
    hidden = section.hidden if isinstance(section, MlpModel) else ()
    model = ModelSpec(section.kind, input_count, class_count, hidden)
    return Curriculum(
        scenario.seed,
        model,
        TrainingSpec(
            training.epochs, training.batch_size, training.learning_rate, training.momentum
        ),
        Thresholds(validation.epsilon_global_ppm, validation.epsilon_local_ppm, validation.score),
        frozenset(validation.checks),
        cohort.global_set,
        class_count,
        _norm(scenario, model),
    )


def _first_model(seed: int, curriculum: Curriculum) -> Candidate:
    weights = initial_weights(curriculum.model, stream_seed(seed, "first-model"))
    file = to_bytes(weights)
    score = evaluate(curriculum.model, weights, curriculum.global_set, curriculum.thresholds.score)
    return Candidate(file, claim_for(file, score))


def _norm(scenario: Scenario, model: ModelSpec) -> Norm | None:
    """How updates become integers, and what is proven of them, if the scenario asks for proofs."""
    section = scenario.proof
    if section is None:
        return None
    length = parameter_count(model)
    rounding = Rounding(section.rounding)
    quantizer = Quantizer(length, section.norm_bound, section.integer_bound, rounding)
    members = len(scenario.hospitals)
    rule = NormRule(length, section.integer_bound, quantizer.name, members)
    return Norm(quantizer, rule)


def _voting_key(scenario: Scenario, node: NodeId) -> PrivateKey:
    seed = digest("tclearn/voting-key/v1", [scenario.seed, node])
    return private_key(Algorithm(scenario.signature), seed)


def _witness_key(scenario: Scenario, node: NodeId) -> PrivateKey:
    return private_key(WITNESS_ALGORITHM, digest("tclearn/witness-key/v1", [scenario.seed, node]))


def _genesis(
    scenario: Scenario,
    keys: Mapping[NodeId, PrivateKey],
    witness_keys: Mapping[NodeId, PrivateKey],
    quorum_sets: Mapping[NodeId, QuorumSet],
    cohort: Cohort,
    first_model: Candidate,
    norm: Norm | None,
) -> Block:
    scenario_hash = scenario_digest(scenario)
    environment_hash = environment_digest(environment())
    run = digest("tclearn/run/v1", [scenario_hash, environment_hash])
    data = [
        DataCommitment(node, samples_digest(share.train), samples_digest(share.local))
        for node, share in zip(scenario.hospitals, cohort.shares, strict=True)
    ]
    genesis = Genesis(
        run,
        {node: key.public_key for node, key in keys.items()},
        {node: key.public_key for node, key in witness_keys.items()},
        quorum_sets,
        scenario.protocol.name,
        scenario.protocol.rule,
        scenario.rounds,
        scenario.protocol.quarantine_after,
        None if norm is None else norm.rule,
        KEYS_FROM_SEED,
        scenario_hash,
        environment_hash,
        samples_digest(cohort.global_set),
        tuple(sorted(data, key=lambda each: each.node)),
        model_file(first_model),
    )
    core = Core(RecordType.GENESIS, NO_PREVIOUS, 0, 0, NO_PREVIOUS, (), 0, None, genesis)
    return Block(
        core, Seal(possessions=_prove(keys, run), witness_possessions=_prove(witness_keys, run))
    )


def _prove(keys: Mapping[NodeId, PrivateKey], run: Digest) -> tuple[NodeSeal, ...]:
    return tuple(
        NodeSeal(node, prove_possession(key, run, node)) for node, key in sorted(keys.items())
    )
