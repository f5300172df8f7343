"""Witnesses: what they cosign, what they refuse, and what they remember over a crash."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.digest import Digest, sha256
from crypto.errors import MerkleError
from crypto.identity import NodeId
from crypto.merkle import leaf_hash
from crypto.signature import private_key
from ledger.checkpoint import CheckpointError, parse_note
from ledger.genesis import WITNESS_ALGORITHM
from ledger.signstate import ConflictError
from scenarios.simulation.notary import CosignatureMessage, HeadMessage, Notary

A, B, C = (NodeId(name) for name in "abc")
CHAIN = sha256(b"chain")
KEYS = {node: private_key(WITNESS_ALGORITHM, sha256(node.encode())) for node in (A, B, C)}
LEAVES = [leaf_hash(bytes([number])) for number in range(20)]
SECOND_US = 1_000_000


class Bench:
    """Notaries that talk without a network."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.notaries = {node: self.open(node) for node in (A, B, C)}

    def open(self, node: NodeId) -> Notary:
        directory = self.folder / node
        directory.mkdir(exist_ok=True)
        public = {each: key.public_key for each, key in KEYS.items()}
        notary = Notary(node, KEYS[node], public, CHAIN, directory)
        self.stack.callback(notary.close)
        return notary

    def head(self, leaves: list[Digest], witness: NodeId = B) -> HeadMessage:
        """A signs its head and asks."""
        self.notaries[A].sign_head(leaves, 9 * SECOND_US)
        message = self.notaries[A].head_for(witness, leaves)
        assert message is not None
        return message

    def cosigned(self, leaves: list[Digest]) -> CosignatureMessage:
        """A asks B until B has cosigned."""
        message = self.head(leaves)
        answer = self.notaries[B].witness(message, 10 * SECOND_US)
        if self.notaries[A].receive(answer):
            again = self.notaries[A].head_for(B, leaves)
            assert again is not None
            answer = self.notaries[B].witness(again, 10 * SECOND_US)
            self.notaries[A].receive(answer)
        return answer


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def test_a_head_is_kept_with_the_cosignatures_it_has(bench: Bench) -> None:
    bench.cosigned(LEAVES[:3])
    for name in ("checkpoint", "checkpoints/00000003.note"):
        note = parse_note((bench.folder / A / name).read_bytes())
        assert note.checkpoint.size == 3
        assert [each.name.rpartition("/")[2] for each in note.cosignatures] == ["a", "b"]
        assert [each.timestamp for each in note.cosignatures] == [9, 10]


def test_a_log_that_grows_is_cosigned_again(bench: Bench) -> None:
    bench.cosigned(LEAVES[:3])
    answer = bench.cosigned(LEAVES[:11])
    assert answer.cosignature is not None
    assert bench.notaries[A].head_for(B, LEAVES[:11]) is None


def test_a_rewritten_log_is_refused(bench: Bench) -> None:
    bench.cosigned(LEAVES[:3])
    rewritten = [LEAVES[9], *LEAVES[1:11]]
    with pytest.raises(MerkleError):
        bench.notaries[B].witness(bench.head(rewritten), SECOND_US)


def test_a_log_that_was_rolled_back_is_refused(bench: Bench) -> None:
    bench.cosigned(LEAVES[:9])
    message = bench.head(LEAVES[:5], witness=C)
    older = replace(message, old_size=9)
    with pytest.raises((MerkleError, ConflictError)):
        bench.notaries[B].witness(older, SECOND_US)


def test_a_witness_that_was_opened_again_remembers(bench: Bench) -> None:
    bench.cosigned(LEAVES[:3])
    bench.notaries[B].close()
    bench.notaries[B] = bench.open(B)
    rewritten = [LEAVES[9], *LEAVES[1:11]]
    with pytest.raises(MerkleError):
        bench.notaries[B].witness(bench.head(rewritten), SECOND_US)
    assert bench.cosigned(LEAVES[:11]).cosignature is not None


def test_an_owner_that_forgot_what_was_cosigned_is_told_where_to_begin(bench: Bench) -> None:
    bench.cosigned(LEAVES[:3])
    bench.notaries[A].close()
    bench.notaries[A] = bench.open(A)
    message = bench.head(LEAVES[:7])
    assert message.old_size == 0
    answer = bench.notaries[B].witness(message, SECOND_US)
    assert (answer.size, answer.cosignature) == (3, None)
    assert bench.notaries[A].receive(answer)
    assert bench.cosigned(LEAVES[:7]).cosignature is not None


def test_a_head_that_its_owner_did_not_sign_is_refused(bench: Bench) -> None:
    message = bench.head(LEAVES[:3])
    longer = replace(message.checkpoint, size=4)
    for forged in (replace(message, checkpoint=longer), replace(message, owner=C)):
        with pytest.raises(CheckpointError):
            bench.notaries[B].witness(forged, SECOND_US)


def test_a_cosignature_of_something_else_is_refused(bench: Bench) -> None:
    answer = bench.cosigned(LEAVES[:3])
    bench.notaries[A].sign_head(LEAVES[:3], 11 * SECOND_US)
    with pytest.raises(CheckpointError):
        bench.notaries[A].receive(replace(answer, witness=C))
    stranger = replace(answer, witness=NodeId("stranger"))
    assert not bench.notaries[A].receive(stranger)


def test_a_cosignature_that_comes_late_changes_nothing(bench: Bench) -> None:
    answer = bench.cosigned(LEAVES[:3])
    bench.notaries[A].sign_head(LEAVES[:7], 11 * SECOND_US)
    assert not bench.notaries[A].receive(answer)
    note = parse_note((bench.folder / A / "checkpoint").read_bytes())
    assert len(note.cosignatures) == 1
