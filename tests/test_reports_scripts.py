"""The scripts of a report that verify: SHA-256 by its vectors, the encoding by ours."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from crypto.encoding import Value, decode, encode
from crypto.errors import EncodingError
from scenarios.reports.document import SCRIPTS
from tests.browser import chromium

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors" / "format.json").read_text("utf-8")
)
FOLDER = Path(__file__).parent.parent / "scenarios" / "reports" / "page"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page with the scripts and nothing else."""
    with chromium() as browser:
        page = browser.new_page()
        for name in SCRIPTS[:-1]:
            page.add_script_tag(content=(FOLDER / name).read_text("utf-8"))
        yield page


def hashed(page: Page, data: bytes) -> str:
    found: str = page.evaluate(
        "(data) => tclearn.hex(tclearn.sha256(tclearn.bytes(data)))",
        base64.b64encode(data).decode(),
    )
    return found


@pytest.mark.parametrize(
    ("data", "digest"),
    [  # FIPS 180-4, examples of NIST
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ],
    ids=["empty", "one block", "two blocks", "a million"],
)
def test_the_hash_of_the_page_has_the_values_of_the_standard(
    page: Page, data: bytes, digest: str
) -> None:
    assert hashed(page, data) == digest


def test_the_hash_of_the_page_agrees_at_every_length_around_a_block(page: Page) -> None:
    data = bytes(range(256))
    for length in range(50, 140):
        assert hashed(page, data[:length]) == hashlib.sha256(data[:length]).hexdigest()


PLAIN = """(data) => {
    const plain = (value) => {
        if (value instanceof Map) return [...value].map(([k, v]) => [k, plain(v)]);
        if (value instanceof Uint8Array) return {bytes: tclearn.hex(value)};
        if (Array.isArray(value)) return {items: value.map(plain)};
        const number = ['bigint', 'number'].includes(typeof value);
        return number ? {int: String(value)} : value;
    };
    try {
        return {value: plain(tclearn.decode(tclearn.bytes(data)))};
    } catch (error) {
        return {error: error.message};
    }
}"""


def read(page: Page, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(PLAIN, base64.b64encode(data).decode())
    return found


def plain(value: Value) -> Any:
    """What `PLAIN` makes of a value."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Mapping):
        return [[key, plain(item)] for key, item in value.items()]
    if isinstance(value, list):
        return {"items": [plain(item) for item in value]}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"int": str(value)}
    return value


@pytest.mark.parametrize("case", VECTORS["encoding"]["values"], ids=lambda case: case["hex"])
def test_the_page_reads_what_we_write(page: Page, case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    assert read(page, data) == {"value": plain(decode(data))}


@pytest.mark.parametrize("case", VECTORS["encoding"]["refused"], ids=lambda case: case["why"])
def test_the_page_refuses_what_we_refuse(page: Page, case: dict[str, Any]) -> None:
    assert "error" in read(page, bytes.fromhex(case["hex"]))


def test_the_page_reads_a_changed_encoding_as_we_do(page: Page) -> None:
    value: Value = {"a": [1, 300, -7, True, None], "bb": {"c": b"\1\2\3", "dé": "text ü"}, "e": []}
    data = encode(value)
    for offset in range(len(data)):
        for change in (1, 0x20, 0x80, 0x1F):
            changed = data[:offset] + bytes([data[offset] ^ change]) + data[offset + 1 :]
            try:
                ours = {"value": plain(decode(changed))}
            except EncodingError:
                assert "error" in read(page, changed), changed.hex()
            else:
                assert read(page, changed) == ours, changed.hex()
    for end in range(len(data)):
        assert "error" in read(page, data[:end])
    assert "error" in read(page, data + b"\0")


def test_nesting_has_the_same_limit(page: Page) -> None:
    deepest = b"\x81" * 16 + b"\x80"
    with pytest.raises(EncodingError):
        decode(deepest)
    assert "error" in read(page, deepest)
    assert read(page, deepest[1:]) == {"value": plain(decode(deepest[1:]))}


def test_messages_of_an_animation_are_read_as_they_were_written(page: Page) -> None:
    from scenarios.reports.animation import gather

    events = [
        {
            "time_us": 5,
            "event": "send",
            "at": "a",
            "kind": "vote",
            "by": "a",
            "slot": 1,
            "bytes": 300,
        },
        {
            "time_us": 9,
            "event": "deliver",
            "at": "b",
            "from": "a",
            "kind": "vote",
            "by": "a",
            "slot": 1,
        },
        {
            "time_us": 2_000_000_000_000,
            "event": "deliver",
            "at": "c",
            "from": "a",
            "kind": "vote",
            "by": "a",
            "slot": 1,
        },
    ]
    part = gather(events, ("a", "b", "c"), {}, ())
    assert part is not None
    found = page.evaluate("(data) => tclearn.animation.unpack(data)", part.slots[0].messages)
    ways = [(each["from"], each["to"], each["start"], each["end"]) for each in found["messages"]]
    assert ways == [(0, 1, 0, 4), (0, 2, 0, 1_999_999_999_995)]
    assert found["sendings"][0]["size"] == 300
