import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from crypto.digest import digest, sha256
from crypto.errors import TensorFileError
from crypto.tensors import HEADER_SIZE_MAX, TENSORS_MAX, TensorEntry, read_tensors, tensor_digest

MODEL: dict[str, Any] = {
    "layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "layer.bias": np.array([1, -1, 2], dtype=np.int64),
    "scale": np.array(0.5, dtype=np.float16),
    "empty": np.zeros((0, 4), dtype=np.float64),
    "mask": np.array([True, False, True]),
}


def file(header: Any, body: bytes = b"", *, padding: bytes = b"") -> bytes:
    """A file with any header: a text as it is, everything else as JSON."""
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = text.encode(errors="surrogateescape") + padding
    return len(encoded).to_bytes(8, "little") + encoded + body


def tensor(start: int, stop: int, dtype: Any = "U8", shape: Any = None) -> dict[str, Any]:
    shape = [stop - start] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


# {why it is refused: (file, the message)}
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "inside a file of 0 bytes"),
    "half a size": (b"\0\0\0", "inside a file of 3 bytes"),
    "a header past the end": (file({})[:-1], "inside a file of 9 bytes, found 2"),
    "a header too long": (
        (HEADER_SIZE_MAX + 1).to_bytes(8, "little") + bytes(HEADER_SIZE_MAX + 1),
        "at most 1048576 bytes",
    ),
    "no header": (bytes(8), "begins with {"),
    "a header that begins with a space": (file(" {}"), "begins with {"),
    "a header that is a list": (file([]), "begins with {"),
    "a header that is not JSON": (file("{a}"), "header in JSON"),
    "a header with a rest": (file("{}{}"), "header in JSON"),
    "a header padded with zeros": (file({}, padding=b"\0\0"), "begins with {"),
    "a header padded with a line break": (file({}, padding=b" \n"), "begins with {"),
    "a header that is not UTF-8": (file('{"\udcff":0}'), "header in JSON"),
    "a header too deep": (file('{"a":' + "[" * 100_000 + "}"), "header in JSON"),
    "a number with too many digits": (file('{"a":' + "1" * 5000 + "}"), "header in JSON"),
    "not a number": (file('{"a":NaN}'), "only integers in the header, found NaN"),
    "a float": (file('{"a":1e2}'), "only integers in the header, found 1e2"),
    "metadata": (file({"__metadata__": {"format": "pt"}}), "expected no __metadata__"),
    "a tensor twice": (
        file('{"a":%s,"a":%s}' % ((json.dumps(tensor(0, 1)),) * 2), b"1"),
        "expected unique keys",
    ),
    "a shape twice": (
        file('{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}', b"1"),
        "expected unique keys",
    ),
    "too many tensors": (
        file({f"t{n}": tensor(0, 0) for n in range(TENSORS_MAX + 1)}),
        "at most 4096 tensors, found 4097",
    ),
    "a tensor that is a list": (file({"a": []}), "tensor 'a': expected the keys"),
    "a tensor without a shape": (file({"a": {"dtype": "U8", "data_offsets": [0, 0]}}), "the keys"),
    "a tensor with more": (
        file({"a": tensor(0, 0) | {"more": 1}}),
        "tensor 'a': expected the keys",
    ),
    "a name with a surrogate": (file({"\ud800": tensor(0, 0)}), "printable name"),
    "a name with a line break": (file({"a\nb": tensor(0, 0)}), "printable name"),
    "an unknown dtype": (file({"a": tensor(0, 1, "U9")}, b"1"), "known dtype, found 'U9'"),
    "a dtype that is a list": (file({"a": tensor(0, 1, ["U8"])}, b"1"), "known dtype"),
    "a dtype that is null": (file({"a": tensor(0, 1, None)}, b"1"), "known dtype, found None"),
    "a shape that is a number": (file({"a": tensor(0, 1, shape=1)}, b"1"), "dimensions"),
    "a negative dimension": (file({"a": tensor(0, 1, shape=[-1, -1])}, b"1"), "dimensions"),
    "a dimension that is text": (file({"a": tensor(0, 1, shape=["1"])}, b"1"), "dimensions"),
    "a dimension that is true": (file({"a": tensor(0, 1, shape=[True])}, b"1"), "dimensions"),
    "a dimension too long": (file({"a": tensor(0, 0, shape=[0, 2**64])}), "dimensions"),
    "too many dimensions": (file({"a": tensor(0, 1, shape=[1] * 9)}, b"1"), "at most 8 dimensions"),
    "fewer bytes than the shape": (
        file({"a": tensor(0, 1, shape=[2])}, b"1"),
        r"tensor 'a': expected 2 bytes for U8 \[2\], found 1",
    ),
    "more bytes than the shape": (file({"a": tensor(0, 5, "F32", [1])}, b"12345"), "4 bytes"),
    "offsets that are one": (
        file({"a": tensor(0, 1) | {"data_offsets": [0]}}, b"1"),
        "two offsets in order",
    ),
    "offsets out of order": (file({"a": tensor(1, 0, shape=[1])}, b"1"), "two offsets in order"),
    "negative offsets": (file({"a": tensor(-1, 0)}, b"1"), "two offsets in order"),
    "offsets that are true": (
        file({"a": tensor(0, 1) | {"data_offsets": [False, True]}}, b"1"),
        "two offsets in order",
    ),
    "offsets past the end": (file({"a": tensor(0, 2)}, b"1"), "2 bytes of data, found 1"),
    "data after the tensors": (file({"a": tensor(0, 1)}, b"12"), "1 bytes of data, found 2"),
    "data without tensors": (file({}, b"1"), "0 bytes of data, found 1"),
    "a gap before": (file({"a": tensor(1, 2)}, b"12"), "tensor 'a': expected offset 0, found 1"),
    "a gap between": (
        file({"a": tensor(0, 1), "b": tensor(2, 3)}, b"123"),
        "tensor 'b': expected offset 1, found 2",
    ),
    "an overlap": (
        file({"a": tensor(0, 2), "b": tensor(1, 3)}, b"123"),
        "tensor 'b': expected offset 2, found 1",
    ),
    "one place for two": (
        file({"a": tensor(0, 1), "b": tensor(0, 1)}, b"1"),
        "tensor 'b': expected offset 1, found 0",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_strict_form_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(TensorFileError, match=message):
        read_tensors(data)
    with pytest.raises(TensorFileError, match=message):
        tensor_digest(data)


def test_a_file_of_the_library_is_read_sorted_by_name() -> None:
    entries = read_tensors(save(MODEL))
    assert [entry.name for entry in entries] == sorted(MODEL)
    for entry in entries:
        assert entry.shape == MODEL[entry.name].shape
        assert entry.raw == MODEL[entry.name].tobytes()
    assert {entry.name: entry.dtype for entry in entries} == {
        "empty": "F64",
        "layer.bias": "I64",
        "layer.weight": "F32",
        "mask": "BOOL",
        "scale": "F16",
    }


def test_spaces_after_the_header_are_legal() -> None:
    assert read_tensors(file({"a": tensor(0, 1)}, b"1", padding=b"  ")) == (
        TensorEntry("a", "U8", (1,), b"1"),
    )
    assert read_tensors(file({}, padding=b"      ")) == ()


def test_the_digest_is_that_of_name_dtype_shape_and_bytes_in_order() -> None:
    expected = digest(
        "tclearn/tensors/v1",
        [
            ["a", "U8", [1], sha256(b"1")],
            ["b", "I16", [2, 1], sha256(b"2345")],
        ],
    )
    header = {"b": tensor(0, 4, "I16", [2, 1]), "a": tensor(4, 5)}
    assert tensor_digest(file(header, b"23451")) == expected


def test_the_digest_does_not_depend_on_the_order_of_the_file() -> None:
    one = file({"a": tensor(0, 1), "b": tensor(1, 3)}, b"122")
    two = file({"b": tensor(0, 2), "a": tensor(2, 3)}, b"221", padding=b"   ")
    assert sha256(one) != sha256(two)
    assert tensor_digest(one) == tensor_digest(two)


def test_the_digest_depends_on_every_part_of_a_tensor() -> None:
    digests = {
        tensor_digest(file({name: tensor(0, 4, dtype, shape)}, raw))
        for name, dtype, shape, raw in [
            ("a", "U8", [4], b"1234"),
            ("b", "U8", [4], b"1234"),
            ("a", "I8", [4], b"1234"),
            ("a", "U8", [2, 2], b"1234"),
            ("a", "U8", [4], b"1235"),
            ("a", "F32", [], b"1234"),
            ("a", "F32", [1], b"1234"),
        ]
    }
    assert len(digests) == 7


@settings(deadline=None, max_examples=200)
@given(st.integers(0), st.integers(1, 255))
def test_an_edited_file_is_refused_or_has_another_digest(at: int, change: int) -> None:
    data = bytearray(save(MODEL))
    data[at % len(data)] ^= change
    try:
        found = tensor_digest(bytes(data))
    except TensorFileError:
        return
    assert found != tensor_digest(save(MODEL))


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_a_tensor_file_error_and_nothing_else(data: bytes) -> None:
    for candidate in (data, file("{" + data.decode("latin-1") + "}", data)):
        try:
            read_tensors(candidate)
        except TensorFileError:
            continue
