"""Anchors: what was kept outside a run tells a rewritten or shortened replica from a grown one."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import Digest, sha256
from crypto.merkle import MerkleTree, leaf_hash, merkle_root
from crypto.signature import Algorithm, private_key
from ledger.anchor import (
    ANCHOR_SIZE_MAX,
    REPLICAS_MAX,
    Anchor,
    AnchoredReplica,
    AnchorError,
    check_note,
    format_anchor,
    parse_anchor,
)
from ledger.audit.pins import Pin, PinBoard
from ledger.checkpoint import Checkpoint, Note, OtherSignature, cosign, log_origin, parse_note
from ledger.errors import Violation

CHAIN = sha256(b"chain")
LEAVES = [leaf_hash(b"record %d" % number) for number in range(12)]
KEY = private_key(Algorithm.ML_DSA_44, sha256(b"w"))


def compare(anchor: AnchoredReplica, leaves: list[Digest]) -> list[Violation]:
    """What the audit finds when a log with these leaves is compared with the anchor."""
    tree, board = MerkleTree(), PinBoard([Pin(anchor.size, anchor.root, "kept.json")])
    wrong = []
    for leaf in leaves:
        tree.append(leaf)
        wrong += board.compare(tree)
    return [violation for _, violation in [*wrong, *board.missing(tree.size)]]


def anchored(name: str, size: int, chain: Digest = CHAIN) -> AnchoredReplica:
    """A replica of the leaves, with a signature line that is quick to make."""
    root = merkle_root(LEAVES[:size])
    checkpoint = Checkpoint(log_origin(chain, name.partition(".")[0]), size, root)
    note = Note(checkpoint, (OtherSignature("w.example", b"abcd", bytes(64)),))
    return AnchoredReplica(name, size, root, sha256(b"head %d" % size), note)


ANCHOR = Anchor(CHAIN, (anchored("h1", 7), anchored("h2", 8), anchored("h2.twin", 5)))


def test_an_anchor_is_the_json_that_the_format_says() -> None:
    checkpoint = Checkpoint(log_origin(CHAIN, "h1"), 7, merkle_root(LEAVES[:7]))
    note = Note(checkpoint, (cosign(KEY, "w.example", checkpoint, 5),))
    replica = AnchoredReplica("h1", 7, checkpoint.root, sha256(b"head"), note)
    data = format_anchor(Anchor(CHAIN, (replica,)))
    value = json.loads(data)
    assert list(value) == ["format", "chain_id", "replicas"]
    assert value["format"] == "tclearn-anchor/v1"
    assert value["chain_id"] == CHAIN.hex()
    (entry,) = value["replicas"]
    assert list(entry) == ["replica", "size", "root", "chain_head", "note"]
    assert (entry["replica"], entry["size"]) == ("h1", 7)
    assert (entry["root"], entry["chain_head"]) == (checkpoint.root.hex(), sha256(b"head").hex())
    assert parse_note(entry["note"].encode()) == note
    assert parse_anchor(data) == Anchor(CHAIN, (replica,))


def test_an_anchor_is_the_same_bytes_whatever_the_order_of_its_replicas() -> None:
    backwards = replace(ANCHOR, replicas=ANCHOR.replicas[::-1])
    assert format_anchor(backwards) == format_anchor(ANCHOR)
    assert parse_anchor(format_anchor(backwards)) == ANCHOR


def test_a_replica_that_only_grew_matches_its_anchor() -> None:
    for size in range(1, len(LEAVES) + 1):
        for now in range(size, len(LEAVES) + 1):
            assert compare(anchored("h1", size), LEAVES[:now]) == []


def test_a_replica_that_is_shorter_than_its_anchor_was_rolled_back() -> None:
    for size in range(7):
        (violation,) = compare(anchored("h1", 7), LEAVES[:size])
        assert violation.code == "ROLLED_BACK"
        assert violation.expected == "at least 7 records, as kept in kept.json"
        assert violation.found == f"{size} records"


def test_a_replica_with_one_other_record_was_rewritten() -> None:
    for changed in range(7):
        leaves = [*LEAVES[:changed], leaf_hash(b"rewritten"), *LEAVES[changed + 1 :]]
        (violation,) = compare(anchored("h1", 7), leaves)
        assert violation.code == "REWRITTEN"
        root = merkle_root(LEAVES[:7]).hex()
        assert violation.expected == f"root {root} at 7 records, kept in kept.json"
        assert violation.found == merkle_root(leaves[:7]).hex()


def test_a_rewrite_after_the_anchor_is_not_seen() -> None:
    assert compare(anchored("h1", 7), [*LEAVES[:7], leaf_hash(b"rewritten")]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"size": 6},
        {"size": 8},
        {"root": merkle_root(LEAVES[:6])},
        {"size": 6, "root": merkle_root(LEAVES[:6])},
        {"note": anchored("h1", 8).note},
    ],
)
def test_an_anchor_that_its_own_note_contradicts_is_malformed(change: dict[str, object]) -> None:
    anchor = replace(anchored("h1", 7), **change)  # type: ignore[arg-type]  # a case table
    with pytest.raises(Violation) as caught:
        check_note(anchor)
    assert caught.value.code == "ANCHOR_MALFORMED"


def edited(change: Callable[[Any], object]) -> bytes:
    value = json.loads(format_anchor(ANCHOR))
    change(value)
    return json.dumps(value).encode()


def of_first(key: str, value: object) -> Callable[[Any], None]:
    def change(anchor: Any) -> None:
        anchor["replicas"][0][key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format="tclearn-anchor/v2"), "the format tclearn-anchor/v1"),
        (lambda v: v.update(format=1), "the format tclearn-anchor/v1, found 1"),
        (
            lambda v: v.update(more=1),
            "a map with the keys format, chain_id, replicas as the anchor",
        ),
        (lambda v: v.pop("chain_id"), "a map with the keys format, chain_id, replicas"),
        (lambda v: v.update(chain_id=CHAIN.hex().upper()), "64 lower-case hexadecimal digits as"),
        (lambda v: v.update(chain_id=CHAIN.hex()[1:]), "64 lower-case hexadecimal digits as"),
        (lambda v: v.update(chain_id=None), "64 .* digits as chain_id, found nothing"),
        (lambda v: v.update(chain_id=sha256(b"other").hex()), "a note of the log tclearn.invalid"),
        (lambda v: v.update(replicas=[]), "a list of 1 to 1000 replicas, found a list"),
        (lambda v: v.update(replicas={}), "a list of 1 to 1000 replicas, found a dict"),
        (lambda v: v.update(replicas=[1] * (REPLICAS_MAX + 1)), "a list of 1 to 1000 replicas"),
        (lambda v: v.update(replicas=[1]), "a map with the keys replica, size, .* as a replica"),
        (lambda v: v["replicas"].reverse(), "replicas sorted by name, each once"),
        (lambda v: v["replicas"].insert(0, v["replicas"][0]), "replicas sorted by name, each once"),
        (of_first("replica", "../h1"), "the name of a replica, found '../h1'"),
        (of_first("replica", 1), "the name of a replica, found 1"),
        (of_first("replica", "h3"), "a note of the log tclearn.invalid/.*/h3, found"),
        (of_first("size", 7.0), "a size of h1 of 1 to .*, found 7.0"),
        (of_first("size", True), "a size of h1 of 1 to .*, found True"),
        (of_first("size", "7"), "a size of h1 of 1 to .*, found '7'"),
        (of_first("size", 0), "a size of h1 of 1 to .*, found 0"),
        (of_first("size", 2**64), "a size of h1 of 1 to"),
        (of_first("root", ""), "64 lower-case hexadecimal digits as the root of h1"),
        (of_first("chain_head", "zz" * 32), "64 lower-case .* digits as the chain_head of h1"),
        (of_first("note", None), "the text of a note of h1, found nothing"),
        (of_first("note", ""), "a text, an empty line and signature lines"),
        (of_first("note", "\ud800"), "Unicode, found a surrogate"),
        (of_first("more", 1), "a map with the keys replica, size, root, chain_head, note"),
    ],
)
def test_a_file_in_another_form_is_refused_in_one_sentence(
    change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(AnchorError, match=f"^(the note of h1: )?expected {message}") as caught:
        parse_anchor(edited(change))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected an anchor in JSON"),
        (b"[" * 100_000, "expected an anchor in JSON"),
        (b"null", "expected a map with the keys .*, found nothing"),
        (b"[]", "expected a map with the keys .*, found a list"),
        (b"NaN", "expected a map with the keys .*, found nan"),
        (b"9" * 5000, "expected an anchor in JSON"),
        (b'{"format": 1, "format": 2}', "expected each key once, found 'format, format'"),
        (b"\xff", "expected an anchor in JSON"),
        (format_anchor(ANCHOR).decode().encode("utf-16"), "expected an anchor in JSON"),
        (b"\xef\xbb\xbf" + format_anchor(ANCHOR), "expected an anchor in JSON"),
        (format_anchor(ANCHOR) * 2, "expected an anchor in JSON"),
        (format_anchor(ANCHOR)[:-3], "expected an anchor in JSON"),
        (bytes(ANCHOR_SIZE_MAX + 1), f"expected at most {ANCHOR_SIZE_MAX} bytes"),
    ],
    ids=range(13),
)
def test_bytes_that_are_no_anchor_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(AnchorError, match=f"^{message}"):
        parse_anchor(data)


@pytest.mark.parametrize(
    "anchor",
    [
        Anchor(CHAIN, ()),
        Anchor(sha256(b"other"), ANCHOR.replicas),
        Anchor(CHAIN, (anchored("h1", 7), anchored("h1", 8))),
        Anchor(CHAIN, (replace(anchored("h1", 7), replica="H 1"),)),
        Anchor(CHAIN, (replace(anchored("h1", 7), root=Digest(b"short")),)),
    ],
)
def test_an_anchor_that_could_not_be_read_again_is_not_written(anchor: Anchor) -> None:
    with pytest.raises(AnchorError):
        format_anchor(anchor)


NODES = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z0-9]{1,5})?", fullmatch=True)


@settings(deadline=None)
@given(st.dictionaries(NODES, st.integers(1, len(LEAVES)), min_size=1, max_size=4), st.binary())
def test_an_anchor_reads_back(sizes: dict[str, int], chain: bytes) -> None:
    chain_id = sha256(chain)
    replicas = tuple(anchored(name, size, chain_id) for name, size in sorted(sizes.items()))
    anchor = Anchor(chain_id, replicas)
    assert parse_anchor(format_anchor(anchor)) == anchor


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.data())
def test_a_random_value_anywhere_raises_nothing_but_our_error(data: st.DataObject) -> None:
    value = json.loads(format_anchor(ANCHOR))
    where = data.draw(st.sampled_from([value, value["replicas"][1]]))
    key = data.draw(st.sampled_from(sorted(where)) | st.text(max_size=5))
    where[key] = data.draw(VALUES)
    try:
        anchor = parse_anchor(json.dumps(value).encode())
    except AnchorError:
        return
    assert key == "size"
    assert anchor.replicas[1].size == where[key]


@settings(deadline=None)
@given(st.data())
def test_a_changed_file_is_refused_or_read(data: st.DataObject) -> None:
    sound = format_anchor(ANCHOR)
    start = data.draw(st.integers(0, len(sound)))
    new = data.draw(st.binary(max_size=3))
    changed = sound[:start] + new + sound[start + data.draw(st.integers(0, 3)) :]
    try:
        anchor = parse_anchor(changed)
    except AnchorError:
        return
    assert parse_anchor(format_anchor(anchor)) == anchor
