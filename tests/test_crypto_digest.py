import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import (
    DIGEST_SIZE,
    LABEL_SIZE_MAX,
    digest,
    digest_encoded,
    label_bytes,
    sha256,
)
from crypto.encoding import encode
from crypto.errors import EncodingError
from crypto.merkle import leaf_hash, node_hash


def test_the_digest_of_bytes_is_that_of_fips_180_4() -> None:
    # FIPS 180-4, the example of SHA-256 for one block.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(b"abc").hex() == expected


def test_a_labelled_digest_covers_the_label_a_zero_byte_and_the_encoding() -> None:
    preimage = b"tclearn/core/v1\0" + bytes.fromhex("83010203")
    assert digest("tclearn/core/v1", [1, 2, 3]) == hashlib.sha256(preimage).digest()
    assert len(digest("tclearn/core/v1", None)) == DIGEST_SIZE


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5) | st.text("ab", max_size=3), max_size=5))
def test_an_encoded_value_has_the_digest_of_the_value(value: list[int | str]) -> None:
    assert digest_encoded("label", encode(value)) == digest("label", value)


def test_the_same_value_under_two_labels_has_two_digests() -> None:
    assert digest("tclearn/core/v1", 1) != digest("tclearn/core/v2", 1)


@pytest.mark.parametrize(
    "label", ["", "a\0b", "caf\u00e9", "a\nb", "\x01", "a" * (LABEL_SIZE_MAX + 1), "\ud800"]
)
def test_a_label_is_short_printable_ascii(label: str) -> None:
    with pytest.raises(EncodingError, match="expected a label of 1 to 255 printable ASCII"):
        digest(label, 1)


def test_a_label_is_never_the_prefix_of_a_merkle_hash() -> None:
    left, right = leaf_hash(b""), leaf_hash(b"\0")
    assert label_bytes("!")[0] > 1
    assert hashlib.sha256(b"\x00").digest() == left
    assert hashlib.sha256(b"\x01" + left + right).digest() == node_hash(left, right)
