from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.encoding import DEPTH_MAX, SIZE_MAX, Value, decode, encode
from crypto.errors import EncodingError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.sampled_from([v for n in (23, 24, 255, 256, 65535, 65536, 2**32) for v in (n, -1 - n)])
    | st.binary(max_size=40)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)

# RFC 8949, appendix A, as far as it is in the subset.
APPENDIX_A: list[tuple[Value, str]] = [
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\x01\x02\x03\x04", "4401020304"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ("\U00010151", "64f0908591"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    (["a", {"b": "c"}], "826161a161626163"),
    (
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
        "a56161614161626142616361436164614461656145",
    ),
]

# {why it is refused: (encoding, the offset and the reason in the message)}
REFUSED: dict[str, tuple[str, str]] = {
    "nothing": ("", "offset 0: expected more bytes"),
    "a byte after the value": ("0000", "offset 1: expected the end, found 1 bytes more"),
    "an integer cut short": ("19ff", "offset 2: expected more bytes"),
    "a zero cut short": ("1900", "offset 2: expected more bytes"),
    "bytes cut short": ("820142ff", "offset 4: expected more bytes"),
    "text cut short": ("826261", "offset 3: expected more bytes"),
    "a key cut short": ("a16261", "offset 3: expected more bytes"),
    "an array cut short": ("8301", "offset 2: expected more bytes"),
    "a map without its last item": ("a16161", "offset 3: expected more bytes"),
    "2**64 - 1 items": ("9bffffffffffffffff", "offset 9: expected more bytes"),
    "2**64 - 1 bytes": ("5bffffffffffffffff", "offset 9: expected more bytes"),
    "23 in two bytes": ("811817", "offset 1: expected the shortest form of 23"),
    "255 in three bytes": ("1900ff", "offset 0: expected the shortest form of 255"),
    "65535 in five bytes": ("1a0000ffff", "offset 0: expected the shortest form of 65535"),
    "2**32 - 1 in nine bytes": ("1b00000000ffffffff", "offset 0: expected the shortest form"),
    "-24 in two bytes": ("3817", "offset 0: expected the shortest form"),
    "a long length of bytes": ("580100", "offset 0: expected the shortest form of 1"),
    "a long length of text": ("780161", "offset 0: expected the shortest form of 1"),
    "a long count of items": ("980100", "offset 0: expected the shortest form of 1"),
    "a long count of entries": ("b801616100", "offset 0: expected the shortest form of 1"),
    "a long length of a key": ("a178016100", "offset 1: expected the shortest form of 1"),
    "keys out of order": ("a2616200616100", "offset 4: expected a key that sorts after"),
    "a longer key first": ("a262616100616200", "offset 5: expected a key that sorts after"),
    "a key twice": ("a2616100616100", "offset 4: expected a key that sorts after"),
    "an integer as a key": ("a10000", "offset 1: expected text, found 0x00"),
    "bytes as a key": ("a1416100", "offset 1: expected text, found 0x41"),
    "half a float": ("f90000", "offset 0: expected no float or tag, found 0xf9"),
    "a float": ("81fa47c35000", "offset 1: expected no float or tag, found 0xfa"),
    "a double": ("fb3ff199999999999a", "offset 0: expected no float or tag, found 0xfb"),
    "undefined": ("f7", "offset 0: expected no float or tag, found 0xf7"),
    "a simple value": ("f0", "offset 0: expected no float or tag, found 0xf0"),
    "true in two bytes": ("f815", "offset 0: expected no float or tag, found 0xf8"),
    "a tag": ("c074323031332d30332d32315432303a30343a30305a", "offset 0: expected no float or tag"),
    "a bignum": ("c249010000000000000000", "offset 0: expected no float or tag, found 0xc2"),
    "bytes of indefinite length": ("5f42010243030405ff", "offset 0: expected a definite length"),
    "text of indefinite length": ("7f657374726561ff", "offset 0: expected a definite length"),
    "an array of indefinite length": ("9fff", "offset 0: expected a definite length, found 0x9f"),
    "a map of indefinite length": ("bf61610161629f0203ffff", "offset 0: expected a definite"),
    "a break": ("ff", "offset 0: expected no float or tag, found 0xff"),
    "a reserved width": ("1c", "offset 0: expected a definite length, found 0x1c"),
    "text that is not UTF-8": ("8161ff", "offset 1: expected text in UTF-8"),
    "a surrogate": ("63eda080", "offset 0: expected text in UTF-8"),
    "an overlong form": ("62c080", "offset 0: expected text in UTF-8"),
    "a key that is not UTF-8": ("a161ff00", "offset 1: expected text in UTF-8"),
    "a long key that is not UTF-8": (f"a17818{'ff' * 24}00", "offset 1: expected text in UTF-8"),
    "a second key that is not UTF-8": ("a261610061ff00", "offset 4: expected text in UTF-8"),
    "17 nested arrays": (f"{'81' * 17}00", "offset 16: expected at most 16 nested"),
    "17 nested maps": (f"{'a160' * 17}00", "offset 32: expected at most 16 nested"),
    "100000 nested arrays": ("81" * 100_000, "offset 16: expected at most 16 nested"),
}


@pytest.mark.parametrize(("value", "encoded"), APPENDIX_A)
def test_the_examples_of_rfc_8949_encode_and_decode(value: Value, encoded: str) -> None:
    assert encode(value).hex() == encoded
    assert decode(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize(("encoded", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_one_encoding_of_a_value_is_refused(encoded: str, message: str) -> None:
    with pytest.raises(EncodingError, match=rf"^{message}"):
        decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "found float; hash an integer instead"),
        (float("nan"), "found float"),
        ({1, 2}, "found set"),
        (range(3), "found range"),
        (bytearray(b"a"), "found bytearray"),
        (object(), "found object"),
        ([1, {"a": (2.0,)}], "found float"),
        ({1: 2}, "expected str as the key of a map, found int"),
        ({None: 2}, "expected str as the key of a map, found NoneType"),
        ({b"a": 2}, "expected str as the key of a map, found bytes"),
        (2**64, r"expected an integer from -2\*\*64 to 2\*\*64 - 1"),
        (-(2**64) - 1, r"expected an integer from -2\*\*64 to 2\*\*64 - 1"),
        ("a\ud800", "found a surrogate at character 1"),
        ({"\udfff": 1}, "found a surrogate at character 0"),
    ],
)
def test_what_is_outside_the_subset_does_not_encode(value: Any, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        encode(value)


def test_an_error_of_encoding_does_not_show_the_value() -> None:
    with pytest.raises(EncodingError) as error:
        encode(["a secret", 0.125])  # type: ignore[list-item]  # the float is the point
    assert "secret" not in str(error.value)
    assert "0.125" not in str(error.value)


def test_sixteen_nested_containers_are_the_deepest() -> None:
    value: Value = 1
    for _ in range(DEPTH_MAX):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(EncodingError, match="at most 16 nested"):
        encode([value])
    with pytest.raises(EncodingError, match="at most 16 nested"):
        encode({"a": value})


def test_a_value_that_contains_itself_does_not_encode() -> None:
    loop: list[Value] = []
    loop.append(loop)
    with pytest.raises(EncodingError, match="at most 16 nested"):
        encode(loop)


def test_an_encoding_has_at_most_64_mebibytes() -> None:
    largest = bytes(SIZE_MAX - 5)
    assert decode(encode(largest)) == largest
    with pytest.raises(EncodingError, match=f"at most {SIZE_MAX} bytes"):
        encode(largest + b"\0")
    with pytest.raises(EncodingError, match=f"at most {SIZE_MAX} bytes, found {SIZE_MAX + 1}"):
        decode(bytes(SIZE_MAX + 1))


def test_a_reader_may_accept_less() -> None:
    assert decode(encode([1, 2]), size_max=3) == [1, 2]
    with pytest.raises(EncodingError, match="at most 2 bytes, found 3"):
        decode(encode([1, 2]), size_max=2)


def test_a_boolean_is_not_an_integer() -> None:
    assert encode(True) != encode(1)
    assert decode(encode([True, 1, False, 0])) == [True, 1, False, 0]
    decoded = decode(encode([True, 1]))
    assert isinstance(decoded, list)
    assert [type(item) for item in decoded] == [bool, int]


def test_tuples_enumerations_and_read_only_maps_encode_as_what_they_are() -> None:
    class Colour(StrEnum):
        RED = "red"

    class Number(IntEnum):
        SEVEN = 7

    value = (Colour.RED, Number.SEVEN, MappingProxyType({"a": (1,)}))
    assert encode(value) == encode(["red", 7, {"a": [1]}])


@settings(deadline=None)
@given(VALUES)
def test_every_value_decodes_from_its_encoding(value: Value) -> None:
    assert decode(encode(value)) == value


@settings(deadline=None)
@given(st.dictionaries(KEYS, SCALARS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_in_which_a_map_was_made_does_not_matter(value: Any, random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert encode(dict(items)) == encode(value)


@settings(deadline=None)
@given(VALUES)
def test_our_decoder_reads_what_cbor2_writes_in_the_order_of_rfc_8949(value: Any) -> None:
    def sort(item: Any) -> Any:
        """Maps sorted by our rule: cbor2 sorts by that of RFC 7049, length first."""
        if isinstance(item, dict):
            return {key: sort(item[key]) for key in sorted(item, key=cbor2.dumps)}
        return [sort(entry) for entry in item] if isinstance(item, list) else item

    assert cbor2.loads(encode(value)) == value
    assert encode(value) == cbor2.dumps(sort(value))


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=64))
def test_bytes_that_decode_are_the_encoding_of_what_they_decode_to(data: bytes) -> None:
    try:
        value = decode(data)
    except EncodingError:
        return
    assert encode(value) == data


@settings(deadline=None)
@given(VALUES, st.data())
def test_an_edited_encoding_is_refused_or_another_value(value: Value, data: st.DataObject) -> None:
    encoded = bytearray(encode(value))
    at = data.draw(st.integers(0, len(encoded)))
    encoded[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    edited = bytes(encoded)
    try:
        decoded = decode(edited)
    except EncodingError:
        return
    assert encode(decoded) == edited


@settings(deadline=None, max_examples=30)
@given(VALUES)
def test_every_prefix_of_an_encoding_is_refused(value: Value) -> None:
    encoded = encode(value)
    for size in range(len(encoded)):
        with pytest.raises(EncodingError, match=f"^offset {size}: expected more bytes"):
            decode(encoded[:size])


@settings(deadline=None, max_examples=30)
@given(VALUES)
def test_every_flipped_bit_is_refused_or_another_value(value: Value) -> None:
    encoded = encode(value)
    for bit in range(8 * len(encoded)):
        flipped = bytearray(encoded)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode(bytes(flipped))
        except EncodingError:
            continue
        assert encode(decoded) == flipped != encoded
