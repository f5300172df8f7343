import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.digest import sha256
from crypto.encoding import encode
from crypto.errors import CryptoError, IdentityError, SignatureError
from crypto.identity import KeyRing, NodeId, node_id
from crypto.possession import POSSESSION_LABEL, prove_possession, verify_possession
from crypto.signature import Algorithm, PrivateKey, PublicKey, private_key, sign, verify

RUN = sha256(b"a run")
NODE = node_id("hospital-1")


@pytest.fixture(scope="module", params=[Algorithm.ML_DSA_65, Algorithm.ED25519])
def key(request: Any) -> PrivateKey:
    algorithm: Algorithm = request.param
    return private_key(algorithm, bytes(range(32)))


def keys(*names: str) -> dict[NodeId, PublicKey]:
    return {
        node_id(name): private_key(Algorithm.ED25519, sha256(name.encode())).public_key
        for name in names
    }


def forged_under_a_zero_key(key: PublicKey, message: bytes, context: bytes) -> bytes:
    """A signature that anybody can make under an ML-DSA-65 key with t1 = 0.

    FIPS 204, algorithm 8: with z = 0, t1 = 0 and no hints, w' is 0, so the challenge is the hash
    of mu and of 768 zero bytes, and nothing else is asked for.
    """
    bound = b"\0" + len(context).to_bytes(1) + context + message
    mu = hashlib.shake_256(hashlib.shake_256(key.raw).digest(64) + bound).digest(64)
    challenge = hashlib.shake_256(mu + bytes(768)).digest(48)
    gamma1 = 1 << 19  # BitPack stores gamma1 - z, in 20 bits
    z = sum(gamma1 << 20 * n for n in range(5 * 256)).to_bytes(5 * 640, "little")
    return challenge + z + bytes(55 + 6)


@pytest.mark.parametrize("text", ["a", "hospital-1", "h2", "a" * 64, "a-", "a--b"])
def test_a_name_is_letters_digits_and_hyphens_after_a_letter(text: str) -> None:
    assert node_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "1", "-a", "A", "aB", "a b", "a_b", "a\n", "a" * 65, "\u00e9", "a\u0661", "a\0"]
)
def test_any_other_name_is_refused(text: str) -> None:
    with pytest.raises(IdentityError, match="expected the name of a node") as error:
        node_id(text)
    assert isinstance(error.value, CryptoError)


@given(st.text(max_size=70))
def test_a_name_that_is_accepted_is_short_ascii(text: str) -> None:
    try:
        name = node_id(text)
    except IdentityError:
        return
    assert name.isascii()
    assert 1 <= len(name) <= 64


def test_a_key_ring_knows_its_nodes_in_order() -> None:
    ring = KeyRing(keys("c", "a", "b"))
    assert list(ring) == ["a", "b", "c"]
    assert len(ring) == 3
    assert node_id("a") in ring
    assert node_id("d") not in ring
    assert ring[node_id("b")] == keys("b")["b"]  # type: ignore[index]  # a text is a fine lookup
    assert ring == KeyRing(keys("b", "c", "a"))


def test_an_unknown_node_is_named_with_the_known_ones() -> None:
    with pytest.raises(IdentityError, match="expected a node of a, b; found 'c'"):
        KeyRing(keys("a", "b"))[node_id("c")]


def test_a_key_ring_does_not_change() -> None:
    source = keys("a")
    ring = KeyRing(source)
    source.update(keys("b"))
    assert list(ring) == ["a"]
    with pytest.raises(TypeError):
        ring.by_node[node_id("b")] = source[node_id("a")]  # type: ignore[index]  # the point
    with pytest.raises(AttributeError):
        ring.by_node = source  # type: ignore[misc]  # the point


def test_two_nodes_cannot_share_a_key() -> None:
    shared = keys("a")[node_id("a")]
    with pytest.raises(IdentityError, match="expected a key of its own for b, found that of a"):
        KeyRing({node_id("b"): shared, node_id("a"): shared})


def test_a_key_ring_checks_the_names() -> None:
    with pytest.raises(IdentityError, match="expected the name of a node"):
        KeyRing({NodeId("Not a name"): keys("a")[node_id("a")]})


def test_a_proof_of_possession_verifies(key: PrivateKey) -> None:
    verify_possession(key.public_key, RUN, NODE, prove_possession(key, RUN, NODE))


def test_a_proof_signs_the_label_run_node_algorithm_and_key(key: PrivateKey) -> None:
    preimage = encode([POSSESSION_LABEL, RUN, NODE, key.algorithm.value, key.public_key.raw])
    proof = prove_possession(key, RUN, NODE)
    verify(key.public_key, proof, preimage, b"tclearn/pop/v1")


def test_a_proof_is_for_one_run_and_one_node(key: PrivateKey) -> None:
    proof = prove_possession(key, RUN, NODE)
    for run, node in [(sha256(b"another run"), NODE), (RUN, node_id("hospital-2"))]:
        with pytest.raises(SignatureError, match="does not verify"):
            verify_possession(key.public_key, run, node, proof)


def test_the_key_of_somebody_else_cannot_be_registered(key: PrivateKey) -> None:
    thief = private_key(key.algorithm, bytes(32))
    victim = key.public_key
    preimage = encode([POSSESSION_LABEL, RUN, NODE, victim.algorithm.value, victim.raw])
    for proof in (prove_possession(thief, RUN, NODE), sign(thief, preimage, b"tclearn/pop/v1")):
        with pytest.raises(SignatureError, match="does not verify"):
            verify_possession(victim, RUN, NODE, proof)


def test_an_ordinary_signature_is_no_proof(key: PrivateKey) -> None:
    preimage = encode([POSSESSION_LABEL, RUN, NODE, key.algorithm.value, key.public_key.raw])
    with pytest.raises(SignatureError, match="does not verify"):
        verify_possession(key.public_key, RUN, NODE, sign(key, preimage))


def test_anybody_can_sign_under_a_zero_key_so_its_proof_is_refused() -> None:
    zero = PublicKey(Algorithm.ML_DSA_65, bytes(range(32)) + bytes(1920))
    preimage = encode([POSSESSION_LABEL, RUN, NODE, zero.algorithm.value, zero.raw])
    forged = forged_under_a_zero_key(zero, preimage, POSSESSION_LABEL.encode())
    verify(zero, forged, preimage, POSSESSION_LABEL.encode())  # valid by FIPS 204
    with pytest.raises(SignatureError, match="expected a generated key, found a degenerate"):
        verify_possession(zero, RUN, NODE, forged)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_a_key_of_one_repeated_byte_is_refused(algorithm: Algorithm, byte: int) -> None:
    key = PublicKey(algorithm, bytes([byte]) * algorithm.public_key_size)
    with pytest.raises(SignatureError):
        verify_possession(key, RUN, NODE, bytes(algorithm.signature_size))
