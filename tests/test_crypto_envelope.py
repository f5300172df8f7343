import pytest

from crypto.digest import digest
from crypto.encoding import Value, encode
from crypto.envelope import Signed, sign_value, verify_value
from crypto.errors import CryptoError, EncodingError, SignatureError
from crypto.identity import node_id
from crypto.signature import Algorithm, PrivateKey, private_key, verify

LABEL = "tclearn/verdict/v1"
CHAIN = digest("tclearn/core/v1", "genesis")
FIELDS: list[Value] = [CHAIN, 7, "hospital-1", CHAIN, True, "better", {"accuracy": 912_345}]


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return private_key(Algorithm.ML_DSA_65, bytes(range(32)))


def test_a_signed_value_verifies(key: PrivateKey) -> None:
    verify_value(key.public_key, LABEL, FIELDS, sign_value(key, LABEL, FIELDS))


def test_the_label_stands_first_in_the_message_and_is_the_context(key: PrivateKey) -> None:
    signature = sign_value(key, LABEL, FIELDS)
    verify(key.public_key, signature, encode([LABEL, *FIELDS]), LABEL.encode())


@pytest.mark.parametrize("at", range(len(FIELDS)))
def test_no_field_can_be_edited(key: PrivateKey, at: int) -> None:
    edited: list[Value] = [*FIELDS]
    edited[at] = None
    with pytest.raises(SignatureError, match="does not verify"):
        verify_value(key.public_key, LABEL, edited, sign_value(key, LABEL, FIELDS))


def test_no_field_can_be_added_removed_or_moved(key: PrivateKey) -> None:
    signature = sign_value(key, LABEL, FIELDS)
    for edited in ([*FIELDS, None], FIELDS[:-1], FIELDS[::-1], [FIELDS]):
        with pytest.raises(SignatureError, match="does not verify"):
            verify_value(key.public_key, LABEL, edited, signature)


def test_a_signature_of_one_label_does_not_pass_for_another(key: PrivateKey) -> None:
    with pytest.raises(SignatureError, match="does not verify"):
        verify_value(key.public_key, "tclearn/block/v1", FIELDS, sign_value(key, LABEL, FIELDS))


def test_the_signature_of_another_node_does_not_verify(key: PrivateKey) -> None:
    other = private_key(Algorithm.ML_DSA_65, bytes(32))
    with pytest.raises(SignatureError, match="does not verify"):
        verify_value(other.public_key, LABEL, FIELDS, sign_value(key, LABEL, FIELDS))


def test_a_float_is_never_signed(key: PrivateKey) -> None:
    with pytest.raises(EncodingError, match="found float"):
        sign_value(key, LABEL, [0.5])  # type: ignore[list-item]  # the float is the point


def test_a_malformed_label_is_refused(key: PrivateKey) -> None:
    with pytest.raises(CryptoError, match="expected a label"):
        sign_value(key, "", FIELDS)


def test_a_signed_statement_is_a_value() -> None:
    signed = Signed("statement", node_id("hospital-1"), b"signature")
    assert signed == Signed("statement", node_id("hospital-1"), b"signature")
    assert signed != Signed("statement", node_id("hospital-2"), b"signature")
    assert len({signed, signed}) == 1
