import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import Digest, sha256
from crypto.errors import MerkleError
from crypto.merkle import (
    EMPTY_ROOT,
    LEAVES_MAX,
    MerkleTree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[2] / "shared" / "vectors" / "transparency-dev-merkle"

needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason=f"the published vectors are not in {VECTORS}"
)

LEAVES = [leaf_hash(n.to_bytes(2)) for n in range(70)]

SIZES = st.integers(1, len(LEAVES))


def twin_root(leaves: list[Digest]) -> Digest:
    """MTH of RFC 9162, section 2.1.1, word for word."""
    n = len(leaves)
    if n == 0:
        return sha256(b"")
    if n == 1:
        return leaves[0]
    k = max(2**i for i in range(n) if 2**i < n)
    return sha256(b"\x01" + twin_root(leaves[:k]) + twin_root(leaves[k:]))


def flipped(value: Digest, bit: int) -> Digest:
    return Digest((int.from_bytes(value) ^ (1 << bit)).to_bytes(len(value)))


def vectors(kind: str) -> list[Any]:
    return [json.loads(path.read_text()) for path in sorted((VECTORS / kind).rglob("*.json"))]


def unpacked(text: str | None) -> Digest:
    return Digest(base64.b64decode(text or ""))


@needs_vectors
def test_the_published_roots_are_ours() -> None:
    go = (VECTORS / "constants.go").read_text()
    bodies = {
        name: re.findall(r'hd\("([0-9a-f]*)"\)', body)
        for name, body in re.findall(r"func (\w+)\(\)[^{]*\{\n(.*?)\n\}", go, re.DOTALL)
    }
    leaves = [leaf_hash(bytes.fromhex(text)) for text in bodies["LeafInputs"]]
    roots = [*bodies["EmptyRootHash"], *bodies["RootHashes"]]
    assert len(roots) == 9
    assert [merkle_root(leaves[:size]).hex() for size in range(9)] == roots


@needs_vectors
def test_the_published_inclusion_proofs_verify_where_they_should() -> None:
    cases = vectors("inclusion")
    assert len(cases) == 98
    for case in cases:
        proof = [unpacked(text) for text in case["proof"] or ()]
        leaf, root = unpacked(case["leafHash"]), unpacked(case["root"])
        if case["wantErr"]:
            with pytest.raises(MerkleError):
                verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
        else:
            verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)


@needs_vectors
def test_the_published_consistency_proofs_verify_where_they_should() -> None:
    cases = vectors("consistency")
    assert len(cases) == 98
    assert any(case["size1"] == 0 for case in cases)
    for case in cases:
        proof = [unpacked(text) for text in case["proof"] or ()]
        roots = unpacked(case["root1"]), unpacked(case["root2"])
        if case["wantErr"]:
            with pytest.raises(MerkleError):
                verify_consistency(case["size1"], case["size2"], proof, *roots)
        else:
            verify_consistency(case["size1"], case["size2"], proof, *roots)


def test_the_root_is_that_of_the_recursive_definition() -> None:
    for size in range(len(LEAVES) + 1):
        assert merkle_root(LEAVES[:size]) == twin_root(LEAVES[:size])


def test_a_growing_tree_has_the_root_of_its_leaves_at_every_size() -> None:
    tree = MerkleTree()
    assert (tree.size, tree.root()) == (0, EMPTY_ROOT)
    for size, leaf in enumerate(LEAVES, start=1):
        tree.append(leaf)
        assert (tree.size, tree.root()) == (size, merkle_root(LEAVES[:size]))


def test_a_growing_tree_keeps_one_hash_for_each_bit_of_its_size() -> None:
    tree = MerkleTree()
    for size, leaf in enumerate(LEAVES, start=1):
        tree.append(leaf)
        assert len(tree._peaks) == size.bit_count()


def test_every_leaf_of_every_small_tree_is_included() -> None:
    for size in range(1, 34):
        leaves = LEAVES[:size]
        root = merkle_root(leaves)
        for index in range(size):
            verify_inclusion(leaves[index], index, size, inclusion_proof(leaves, index), root)


def test_every_prefix_of_every_small_tree_is_consistent() -> None:
    for size2 in range(1, 34):
        root2 = merkle_root(LEAVES[:size2])
        for size1 in range(1, size2 + 1):
            proof = consistency_proof(LEAVES[:size2], size1)
            verify_consistency(size1, size2, proof, merkle_root(LEAVES[:size1]), root2)


@settings(deadline=None)
@given(SIZES, st.data())
def test_an_inclusion_proof_shows_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index) | st.just(size))
    leaves, bit = LEAVES[:size], data.draw(st.integers(0, 255))
    leaf, proof, root = leaves[index], inclusion_proof(leaves, index), merkle_root(leaves)
    wrong = [
        (flipped(leaf, bit), index, size, proof, root),
        (leaf, other, size, proof, root),
        (leaf, index, size, (*proof, leaf), root),
        (leaf, index, size, proof, flipped(root, bit)),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        edited = (*proof[:at], flipped(proof[at], bit), *proof[at + 1 :])
        wrong += [(leaf, index, size, edited, root), (leaf, index, size, proof[:-1], root)]
    for arguments in wrong:
        with pytest.raises(MerkleError):
            verify_inclusion(*arguments)


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_consistency_proof_shows_nothing_else(size2: int, data: st.DataObject) -> None:
    size1 = data.draw(st.integers(1, size2))
    bit = data.draw(st.integers(0, 255))
    proof = consistency_proof(LEAVES[:size2], size1)
    root1, root2 = merkle_root(LEAVES[:size1]), merkle_root(LEAVES[:size2])
    wrong = [
        (size1, size2, proof, flipped(root1, bit), root2),
        (size1, size2, proof, root1, flipped(root2, bit)),
        (size1, size2, (*proof, root1), root1, root2),
        (size2 + 1, size2, proof, root1, root2),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        edited = (*proof[:at], flipped(proof[at], bit), *proof[at + 1 :])
        wrong += [(size1, size2, edited, root1, root2), (size1, size2, proof[:-1], root1, root2)]
    for arguments in wrong:
        with pytest.raises(MerkleError):
            verify_consistency(*arguments)


def test_a_rewritten_leaf_breaks_consistency() -> None:
    rewritten = [leaf_hash(b"rewritten"), *LEAVES[1:9]]
    proof = consistency_proof(rewritten, 5)
    with pytest.raises(MerkleError, match="root of the first 5 leaves: expected"):
        verify_consistency(5, 9, proof, merkle_root(LEAVES[:5]), merkle_root(rewritten))


def test_consistency_with_the_empty_tree_shows_nothing_and_is_refused() -> None:
    with pytest.raises(MerkleError, match="expected 0 < size1"):
        verify_consistency(0, 3, (), EMPTY_ROOT, merkle_root(LEAVES[:3]))
    with pytest.raises(MerkleError, match="expected 0 < size1"):
        verify_consistency(0, 0, (), EMPTY_ROOT, EMPTY_ROOT)
    with pytest.raises(MerkleError, match="expected 0 < size1"):
        consistency_proof(LEAVES[:3], 0)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 1), (1, 1), (0, LEAVES_MAX + 1)])
def test_an_index_is_inside_the_tree(index: int, size: int) -> None:
    with pytest.raises(MerkleError, match="expected an index below the size"):
        verify_inclusion(LEAVES[0], index, size, (), LEAVES[0])


def test_there_is_no_proof_for_a_leaf_that_is_not_there() -> None:
    with pytest.raises(MerkleError, match="expected the index of one of 3 leaves, found 3"):
        inclusion_proof(LEAVES[:3], 3)


def test_hashes_have_32_bytes() -> None:
    short = Digest(b"short")
    with pytest.raises(MerkleError, match="leaf hash: expected 32 bytes, found 5"):
        MerkleTree().append(short)
    with pytest.raises(MerkleError, match="leaf hash: expected 32 bytes, found 5"):
        verify_inclusion(short, 0, 1, (), short)
    with pytest.raises(MerkleError, match="inclusion proof: expected 32 bytes, found 5"):
        verify_inclusion(LEAVES[0], 0, 2, (short,), LEAVES[0])
    with pytest.raises(MerkleError, match="consistency proof: expected 32 bytes, found 5"):
        verify_consistency(1, 2, (short,), LEAVES[0], LEAVES[0])


def test_a_node_is_not_a_leaf() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
