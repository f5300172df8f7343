"""Makes small ledgers with real signatures, sound ones and, on request, broken ones.

Knows the ledger and the consensus statements, and neither torch nor the simulator: what it makes is
judged by the audit alone.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from consensus.quorum import QuorumSet, quorum_set_digest, two_thirds_of
from consensus.statements import (
    NO_CANDIDATE,
    Ballot,
    Confirm,
    Externalized,
    Proposal,
    Statement,
    Verdict,
    ViewCommit,
    Vote,
    signing_fields,
)
from crypto.digest import Digest, digest, sha256
from crypto.envelope import Signed, sign_value
from crypto.identity import NodeId
from crypto.norm_proof import Context, Opening, commit, encode_payload, prove
from crypto.possession import prove_possession
from crypto.signature import Algorithm, PrivateKey, private_key
from crypto.tensors import tensor_digest
from ledger import chain
from ledger.attestation import attestations
from ledger.blobs import BlobStore
from ledger.block import (
    NO_PREVIOUS,
    Block,
    Core,
    NodeSeal,
    ProposalSeal,
    RecordType,
    Seal,
    VerdictSeal,
    VoteSeal,
    core_hash,
    encode_block,
    recorded_as,
)
from ledger.body import Candidate, candidate_digest
from ledger.candidate import EndCandidate, ModelCandidate, UpdateEntry
from ledger.chain import ChainState
from ledger.decision import vote_seal
from ledger.evidence import Equivocation, Evidence, ForkEvidence, encode_evidence, notice_of
from ledger.genesis import KEYS_FROM_SEED, WITNESS_ALGORITHM, DataCommitment, Genesis
from ledger.model import ModelFile
from ledger.norm import (
    NormRule,
    ProofFile,
    encode_proof_file,
    params_of,
    proof_context,
)
from ledger.notice import EvidenceNotice
from ledger.store import LedgerWriter

SECOND_US = 1_000_000

Ballots = Callable[[NodeId, int, Digest], Statement]
"""What a node says to decide a value in a slot."""


def model_bytes(number: int) -> bytes:
    """A safetensors file of two weights."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<2f", number, -number)


def model_file(content: bytes) -> ModelFile:
    return ModelFile(sha256(content), tensor_digest(content), len(content))


def small_rule(members: int = 4) -> NormRule:
    """Eight integers of norm 16 at most."""
    return NormRule(8, 16, "forge", members)


@cache
def proven(rule: NormRule, context: Context) -> tuple[bytes, Opening]:
    """A proof file, and what opens its commitment: to integers that follow from the context."""
    seeds = [digest("test/proof", [repr(context), number]) for number in range(2)]
    values = np.frombuffer(seeds[0], np.int8)[: rule.length].astype(np.int64) // 64
    opening = commit(params_of(rule), values, seeds[0])
    file = ProofFile(opening.commitment, prove(opening, context, seeds[1]))
    return encode_proof_file(file), opening


def sum_of(openings: Sequence[Opening]) -> bytes:
    """The total file of some openings."""
    return encode_payload(np.sum([each.payload for each in openings], axis=0, dtype=np.int64))


def start(genesis: Block) -> ChainState:
    return chain.start(genesis, core_hash(genesis.core))


def grow(state: ChainState, block: Block) -> ChainState:
    return chain.extend(state, block, core_hash(block.core))


@dataclass
class Forge:
    """A coalition that writes whatever a test asks for."""

    count: int = 4
    round_count: int = 2
    quarantine_after: int = 0
    norm: NormRule | None = None
    protocol: str = "majority"
    algorithm: Algorithm = Algorithm.ED25519
    quorum_set: Callable[[Sequence[NodeId]], QuorumSet] = two_thirds_of
    label: str = "forge"
    nodes: tuple[NodeId, ...] = ()
    keys: dict[NodeId, PrivateKey] = field(default_factory=dict)
    witness_keys: dict[NodeId, PrivateKey] = field(default_factory=dict)
    quorum_sets: dict[NodeId, QuorumSet] = field(default_factory=dict)
    exhibits: list[bytes] = field(default_factory=list)
    """Files of evidence of the blocks made so far."""
    proofs: list[bytes] = field(default_factory=list)
    """Proof files and totals of the candidates made so far."""

    def __post_init__(self) -> None:
        self.nodes = tuple(NodeId(f"h{number}") for number in range(1, self.count + 1))
        self.keys = {
            node: private_key(self.algorithm, digest("test/key", [self.label, node]))
            for node in self.nodes
        }
        self.witness_keys = {
            node: private_key(WITNESS_ALGORITHM, digest("test/witness", [self.label, node]))
            for node in self.nodes
        }
        self.quorum_sets = dict.fromkeys(self.nodes, self.quorum_set(self.nodes))

    @property
    def voters(self) -> tuple[NodeId, ...]:
        """As many nodes as the quorum set of the first asks for."""
        return self.nodes[: self.quorum_sets[self.nodes[0]].threshold]

    @property
    def run(self) -> Digest:
        return digest("test/run", self.label)

    @property
    def founding(self) -> Core:
        """The core of the genesis."""
        body = Genesis(
            self.run,
            {node: key.public_key for node, key in self.keys.items()},
            {node: key.public_key for node, key in self.witness_keys.items()},
            self.quorum_sets,
            self.protocol,
            "two-thirds",
            self.round_count,
            self.quarantine_after,
            self.norm,
            KEYS_FROM_SEED,
            digest("test/scenario", self.label),
            digest("test/environment", []),
            digest("test/global", []),
            tuple(DataCommitment(node, sha256(b"t"), sha256(b"l")) for node in self.nodes),
            model_file(model_bytes(0)),
        )
        return Core(RecordType.GENESIS, NO_PREVIOUS, 0, 0, NO_PREVIOUS, (), 0, None, body)

    def genesis(self) -> Block:
        voting, witness = (
            tuple(
                NodeSeal(node, prove_possession(key, self.run, node)) for node, key in keys.items()
            )
            for keys in (self.keys, self.witness_keys)
        )
        return Block(self.founding, Seal(possessions=voting, witness_possessions=witness))

    def core(self, state: ChainState, record_type: RecordType, candidate: Candidate | None) -> Core:
        height = state.height + 1
        proposer = None if candidate is None else state.leader
        return Core(
            record_type,
            state.chain_id,
            height,
            height,
            state.head,
            () if proposer is None else state.voters,
            state.time_us + SECOND_US,
            proposer,
            candidate,
        )

    def model(
        self, state: ChainState, content: bytes, author: NodeId | None = None
    ) -> ModelCandidate:
        entry = UpdateEntry(author or state.leader, sha256(b"update" + content), 90)
        base = state.model.tensors
        found = ModelCandidate(model_file(content), base, "sequential", 900_000, (entry,))
        return self.proven(state, found)

    def proven(self, state: ChainState, candidate: ModelCandidate) -> ModelCandidate:
        """A candidate of the next slot with proofs of its updates and the total, if it needs any.

        The files are kept to be written with the run.
        """
        if self.norm is None:
            return candidate
        rule, slot, base = self.norm, state.height + 1, candidate.base
        contexts = [proof_context(rule, each, slot, state.head, base) for each in candidate.updates]
        files, openings = zip(*(proven(rule, each) for each in contexts), strict=True)
        entries = tuple(
            replace(each, proof=self.keep(file))
            for each, file in zip(candidate.updates, files, strict=True)
        )
        return replace(candidate, updates=entries, total=self.keep(sum_of(openings)))

    def keep(self, file: bytes) -> Digest:
        """Keep a proof file or a total to be written with the run."""
        self.proofs.append(file)
        return sha256(file)

    def accepted(self, state: ChainState, content: bytes) -> Block:
        core = self.core(state, RecordType.ACCEPTED, self.model(state, content))
        return self.seal(core, accepting=self.voters)

    def rejected(self, state: ChainState, content: bytes, author: NodeId | None = None) -> Block:
        core = self.core(state, RecordType.REJECTED, self.model(state, content, author))
        return self.seal(core, accepting=())

    def absent(self, state: ChainState) -> Block:
        return self.seal(self.core(state, RecordType.REJECTED, None), accepting=())

    def end(self, state: ChainState) -> Block:
        end = EndCandidate(state.height + 1, state.accepted_count, state.model.tensors)
        return self.seal(self.core(state, RecordType.END, end), accepting=self.voters)

    def notice(self, state: ChainState, notice: Candidate) -> Block:
        """A notice that is accepted; of evidence see `evidence`."""
        core = self.core(state, recorded_as(notice), notice)
        return self.seal(core, accepting=self.voters)

    def evidence(self, state: ChainState, evidence: Evidence, genesis: Block) -> Block:
        """A record of evidence, whose file is kept to be written with the run."""
        self.exhibits.append(encode_evidence(evidence))
        block = self.notice(state, notice_of(evidence, genesis))
        return Block(block.core, replace(block.seal, exhibit=sha256(self.exhibits[-1])))

    def seal(
        self,
        core: Core,
        *,
        accepting: Sequence[NodeId],
        voters: Sequence[NodeId] | None = None,
        saying: Ballots | None = None,
    ) -> Block:
        """Sign a core: the voters judge as told and vote for it, in the protocol's words."""
        voting = self.voters if voters is None else tuple(voters)
        found = core.body
        assert not isinstance(found, Genesis)
        judged = NO_CANDIDATE if found is None else candidate_digest(found)
        proposal: ProposalSeal | None = None
        if core.proposer is not None:
            assert found is not None
            kind = recorded_as(found)
            values = (
                core_hash(replace(core, type=kind)),
                core_hash(replace(core, type=RecordType.REJECTED)),
            )
            statement = Proposal(core.slot, judged, *values)
            proposal = ProposalSeal(*values, self.sign(core.proposer, statement, core.chain))
        attested = tuple(
            NodeSeal(each.node, sign_value(self.keys[each.node], each.label, each.fields))
            for each in attestations(found, core.chain, core.slot, core.prev)
            if each.node in self.keys
        )
        verdicts = tuple(
            self.verdict(core, node, judged, accept=node in accepting) for node in voting
        )
        value = core_hash(core)
        say = saying or self.ballot
        votes = tuple(self.vote(node, say(node, core.slot, value), core.chain) for node in voting)
        # Where nobody made a file, an evidence notice names one that is nowhere.
        exhibit = sha256(b"no file") if isinstance(found, EvidenceNotice) else None
        return Block(core, Seal(proposal, attested, verdicts, votes, exhibit))

    def ballot(self, node: NodeId, slot: int, value: Digest) -> Statement:
        """A deciding statement of the protocol; of SCP the first node is further than the rest."""
        quorum_set = quorum_set_digest(self.quorum_sets[node])
        match self.protocol:
            case "scp" if node == self.nodes[0]:
                return Externalized(slot, quorum_set, Ballot(2, value), 4)
            case "scp":
                return Confirm(slot, quorum_set, Ballot(4, value), 4, 1, 3)
            case "pbft":
                return ViewCommit(slot, 1, value)
            case _:
                return Vote(slot, value)

    def vote(self, node: NodeId, statement: Statement, chain_id: Digest) -> VoteSeal:
        """A statement that decides, signed, as it stands in a seal."""
        seal = vote_seal(Signed(statement, node, self.sign(node, statement, chain_id)))
        assert seal is not None
        return seal

    def verdict(self, core: Core, node: NodeId, judged: Digest, *, accept: bool) -> VerdictSeal:
        scores = (("global", 900_000), ("local", 880_000))
        said = Verdict(core.slot, judged, accept, "ok" if accept else "global-score", scores)
        signature = self.sign(node, said, core.chain)
        return VerdictSeal(node, judged, accept, said.reason, scores, signature)

    def sign(self, node: NodeId, statement: Statement, chain_id: Digest) -> bytes:
        quorum_set = quorum_set_digest(self.quorum_sets[node])
        label, fields = signing_fields(statement, chain_id, node, quorum_set)
        return sign_value(self.keys[node], label, fields)

    def blocks(self) -> list[Block]:
        """A finished chain: accepted and rejected in turn, then the end."""
        blocks = [self.genesis()]
        state = start(blocks[0])
        for number in range(1, self.round_count + 1):
            make = self.accepted if number % 2 else self.rejected
            blocks.append(make(state, model_bytes(number)))
            state = grow(state, blocks[-1])
        blocks.append(self.end(state))
        return blocks

    def equivocation(self, node: NodeId, first: Statement, second: Statement) -> Equivocation:
        """Two statements of one node on this coalition's chain."""
        chain_id = core_hash(self.founding)
        one, other = (
            Signed(each, node, self.sign(node, each, chain_id)) for each in (first, second)
        )
        return Equivocation(chain_id, one, other)

    def decided(
        self, number: int, voters: Sequence[NodeId], saying: Ballots | None = None
    ) -> Block:
        """A block of slot 1 for one of several models, with the votes of these nodes."""
        state = start(Block(self.founding, Seal()))
        core = self.core(state, RecordType.ACCEPTED, self.model(state, model_bytes(number)))
        return self.seal(core, accepting=voters, voters=voters, saying=saying)

    def fork(self, first: Sequence[NodeId], second: Sequence[NodeId]) -> ForkEvidence:
        """Slot 1 decided twice, by these voters and those."""
        return ForkEvidence(self.decided(1, first), self.decided(2, second))

    def write(self, run: Path, blocks: Sequence[Block], replicas: Sequence[str] = ("h1",)) -> Path:
        """Write a run directory without a summary: every replica the same blocks."""
        store = BlobStore(run / "blobs")
        for number in range(self.round_count + 1):
            store.put(model_bytes(number))
        for file in (*self.exhibits, *self.proofs):
            store.put(file)
        for name in replicas:
            self.write_replica(run, name, blocks)
        return run

    def write_replica(self, run: Path, name: str, blocks: Sequence[Block]) -> None:
        (run / "ledger").mkdir(parents=True, exist_ok=True)
        with LedgerWriter(run / "ledger" / name) as writer:
            for block in blocks:
                writer.append(encode_block(block))
