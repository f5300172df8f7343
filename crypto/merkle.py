"""Merkle trees over leaf hashes: roots, inclusion proofs and consistency proofs.

Source: RFC 9162, section 2.1. Leaves and nodes are hashed with different first bytes, so that a
node cannot be shown as a leaf. The makers of proofs follow the recursive definitions and read all
leaves; the verifiers are the algorithms of sections 2.1.3.2 and 2.1.4.2, with their variable names.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from .digest import DIGEST_SIZE, Digest, sha256
from .errors import MerkleError

LEAVES_MAX: Final = 2**64 - 1
"""The most leaves of a tree: the size is a uint64 wherever it is written."""

EMPTY_ROOT: Final = sha256(b"")
"""The root of the tree without leaves."""


def leaf_hash(data: bytes) -> Digest:
    """Return the hash of a leaf: SHA-256(0x00 || data)."""
    return Digest(hashlib.sha256(b"\x00" + data).digest())


def node_hash(left: Digest, right: Digest) -> Digest:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return Digest(hashlib.sha256(b"\x01" + left + right).digest())


class MerkleTree:
    """The root of a growing list of leaves, in memory of O(log size)."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        # Roots of the complete subtrees, largest first: one for each bit set in the size.
        self._peaks: list[Digest] = []

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return self._size

    def append(self, leaf: Digest) -> None:
        """Append a leaf, given by its leaf hash."""
        _check_size("leaf hash", leaf)
        peak = leaf
        complete = self._size
        while complete & 1:
            peak = node_hash(self._peaks.pop(), peak)
            complete >>= 1
        self._peaks.append(peak)
        self._size += 1

    def root(self) -> Digest:
        """Return the root over all leaves appended so far."""
        if not self._peaks:
            return EMPTY_ROOT
        *left, root = self._peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root


def merkle_root(leaf_hashes: Sequence[Digest]) -> Digest:
    """Return the root of the tree with these leaves, MTH of section 2.1.1."""
    tree = MerkleTree()
    for leaf in leaf_hashes:
        tree.append(leaf)
    return tree.root()


def inclusion_proof(leaf_hashes: Sequence[Digest], index: int) -> tuple[Digest, ...]:
    """Return the hashes that lead from a leaf to the root, PATH of section 2.1.3.1.

    Raises:
        MerkleError: There is no leaf of this index.
    """
    size = len(leaf_hashes)
    if not 0 <= index < size:
        raise MerkleError(f"expected the index of one of {size} leaves, found {index}")
    if size == 1:
        return ()
    k = _split(size)
    if index < k:
        return (*inclusion_proof(leaf_hashes[:k], index), merkle_root(leaf_hashes[k:]))
    return (*inclusion_proof(leaf_hashes[k:], index - k), merkle_root(leaf_hashes[:k]))


def consistency_proof(leaf_hashes: Sequence[Digest], size1: int) -> tuple[Digest, ...]:
    """Return the hashes that show that the first ``size1`` leaves are a prefix of these leaves.

    PROOF of section 2.1.4.1; empty where the two trees are the same.

    Raises:
        MerkleError: The prefix is empty or longer than the whole.
    """
    _check_prefix(size1, len(leaf_hashes))
    return _subproof(leaf_hashes, size1, known=True)


def _subproof(leaf_hashes: Sequence[Digest], m: int, *, known: bool) -> tuple[Digest, ...]:
    """SUBPROOF(m, D_n, b); ``known`` is b: the verifier has the root of the first m leaves."""
    n = len(leaf_hashes)
    if m == n:
        return () if known else (merkle_root(leaf_hashes),)
    k = _split(n)
    left, right = leaf_hashes[:k], leaf_hashes[k:]
    if m <= k:
        return (*_subproof(left, m, known=known), merkle_root(right))
    return (*_subproof(right, m - k, known=False), merkle_root(left))


def verify_inclusion(
    leaf: Digest, index: int, size: int, proof: Sequence[Digest], root: Digest
) -> None:
    """Check that a leaf hash stands at an index of the tree of this size and root.

    Raises:
        MerkleError: It does not, or the proof does not show it (section 2.1.3.2).
    """
    if not 0 <= index < size <= LEAVES_MAX:
        raise MerkleError(f"expected an index below the size, found index {index} of {size}")
    _check_size("leaf hash", leaf)
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        _check_size("hash in the inclusion proof", p)
        if sn == 0:
            raise MerkleError(f"expected a shorter inclusion proof, found {len(proof)} hashes")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise MerkleError(f"expected a longer inclusion proof, found {len(proof)} hashes")
    _check_root(f"{size} leaves by inclusion of leaf {index}", expected=root, found=r)


def verify_consistency(
    size1: int, size2: int, proof: Sequence[Digest], root1: Digest, root2: Digest
) -> None:
    """Check that the tree of ``size2`` leaves begins with the tree of ``size1`` leaves.

    A first tree without leaves is refused: every tree begins with it, so nothing would be shown.

    Raises:
        MerkleError: It does not, or the proof does not show it (section 2.1.4.2).
    """
    _check_prefix(size1, size2)
    if size1 == size2:
        if proof:
            raise MerkleError(f"expected no hashes between equal sizes, found {len(proof)}")
        _check_root(f"{size1} leaves", expected=root1, found=root2)
        return
    if not proof:
        raise MerkleError(f"expected a proof from size {size1} to size {size2}, found no hashes")
    for c in proof:
        _check_size("hash in the consistency proof", c)
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # Where size1 is a power of two, fn is 0 here: the first tree is itself a node of the second.
    first, *path = proof if fn else (root1, *proof)
    fr = sr = first
    for c in path:
        if sn == 0:
            raise MerkleError(f"expected a shorter consistency proof, found {len(proof)} hashes")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise MerkleError(f"expected a longer consistency proof, found {len(proof)} hashes")
    _check_root(f"the first {size1} leaves", expected=root1, found=fr)
    _check_root(f"all {size2} leaves", expected=root2, found=sr)


def _split(n: int) -> int:
    """Return k of section 2.1.1: the largest power of two smaller than n, for n > 1."""
    return 1 << (n - 1).bit_length() - 1


def _check_prefix(size1: int, size2: int) -> None:
    if not 0 < size1 <= size2 <= LEAVES_MAX:
        raise MerkleError(f"expected 0 < size1 <= size2, found size1 {size1} and size2 {size2}")


def _check_size(what: str, value: Digest) -> None:
    if len(value) != DIGEST_SIZE:
        raise MerkleError(f"{what}: expected {DIGEST_SIZE} bytes, found {len(value)}")


def _check_root(of: str, *, expected: Digest, found: Digest) -> None:
    if found != expected:
        raise MerkleError(f"root of {of}: expected {expected.hex()}, found {found.hex()}")
