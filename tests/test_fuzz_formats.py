"""Fuzzing of the readers: whatever the bytes, our own error or a value that reads back as itself.

The sources are structured: what is read is nearly right, because random bytes fail at the first
rule. Peak memory is bounded by the size of the input, and each example has a deadline. Random
examples are the same on every run where the environment variable CI is set; TCLEARN_CAMPAIGN=1 asks
for many more.
"""

import json
import os
import struct
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.statements import (
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from crypto.digest import Digest
from crypto.encoding import decode, encode
from crypto.envelope import Signed
from crypto.errors import EncodingError, TensorFileError
from crypto.tensors import read_tensors
from ledger.anchor import AnchorError, format_anchor, parse_anchor
from ledger.block import Block, core_hash, decode_block, encode_block
from ledger.checkpoint import CheckpointError, format_note, parse_note
from ledger.errors import Violation
from ledger.evidence import Equivocation, ForkEvidence, decode_evidence, encode_evidence
from ledger.norm import decode_proof_file, encode_proof_file
from ledger.policy import PolicyError, default_policy, format_policy, parse_policy
from ledger.record import PAYLOAD_SIZE_MAX
from tests.corpus.attacks import H1, H2, H3, anchored, cosigned, head
from tests.corpus.malformed import every_type
from tests.corpus.proofs import NO_PROOF, chain_with, coalition, false_proof, unchanged
from tests.forge import Forge, model_bytes, start

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
DEADLINE = timedelta(seconds=5)


def fuzzed(max_examples: int) -> settings:
    """Bounded in number and time."""
    return settings(
        max_examples=max_examples * (50 if CAMPAIGN else 1),
        deadline=DEADLINE,
        derandomize="CI" in os.environ,
    )


FORGE = Forge(count=3)
BLOCKS = FORGE.blocks()
PROTOCOLS = ("majority", "scp", "pbft")
PAYLOADS = [encode_block(block) for block in every_type(Forge())]
PAYLOADS += [encode_block(Forge(protocol=each).decided(1, [H1, H2, H3])) for each in PROTOCOLS]
PAYLOADS += [encode_block(block) for block in chain_with(coalition(), unchanged)]
NOTE = format_note(cosigned(FORGE, head(BLOCKS), [H1, H2, H3]))
ANCHOR = format_anchor(anchored(FORGE, BLOCKS, ["h1", "h2"]))
POLICY = format_policy(default_policy(start(BLOCKS[0]).genesis))


def vote(block: Block) -> Signed[Statement]:
    """The vote of h1 for a block."""
    seal = block.seal.votes[0]
    return Signed(Vote(block.core.slot, core_hash(block.core)), seal.node, seal.signature)


VALUE, QUORUM_SET = Digest(bytes(range(32))), Digest(bytes(32))
BALLOT = Ballot(1, VALUE)
ONE_OF_EACH_KIND: list[Statement] = [
    Proposal(1, VALUE, VALUE, VALUE),
    Verdict(1, VALUE, True, "ok", (("global", 1),)),
    Vote(1, VALUE),
    Nominate(1, QUORUM_SET, (VALUE,), ()),
    Prepare(1, QUORUM_SET, BALLOT, BALLOT, None, 1, 1),
    Confirm(1, QUORUM_SET, BALLOT, 1, 1, 1),
    Externalized(1, QUORUM_SET, BALLOT, 1),
    PrePrepare(1, 0, VALUE),
    ViewPrepare(1, 0, VALUE),
    ViewCommit(1, 0, VALUE),
    ViewChange(1, 1, 0, VALUE),
    NewView(1, 1, VALUE, (H1, H2, H3)),
]
EVIDENCE = [
    encode_evidence(Equivocation(core_hash(BLOCKS[0].core), vote(BLOCKS[1]), vote(BLOCKS[2]))),
    encode_evidence(ForkEvidence(BLOCKS[1], BLOCKS[2])),
    *(encode_evidence(FORGE.equivocation(H1, each, each)) for each in ONE_OF_EACH_KIND),
    encode_evidence(false_proof(coalition(), H2, NO_PROOF)),
]

LEAVES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.sampled_from([-(2**64), -1, 0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
    | st.binary(max_size=40)
    | st.sampled_from([bytes(31), bytes(32), bytes(64), bytes(8193)])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["", "h1", "model", "genesis", "rejected", "x" * 300])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef", max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value inside a value."""
    keys: Any = ()
    if isinstance(value, dict):
        keys = value
    elif isinstance(value, list):
        keys = range(len(value))
    return [way, *(place for key in keys for place in places(value[key], (*way, key)))]


@st.composite
def edited(draw: st.DrawFn, value: Any) -> Any:
    """A value in which one to three others stand, are gone, are there twice or under other keys."""
    holder = {"value": value}
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(places(holder)[1:]))
        place: Any = holder
        for key in way[:-1]:
            place = place[key]
        last = way[-1]
        match draw(st.sampled_from(["put", "drop", "twice", "rename", "add"])):
            case "put":
                place[last] = draw(VALUES)
            case "drop" if len(way) > 1:
                del place[last]
            case "twice" if isinstance(place, list):
                place.insert(last, place[last])
            case "rename" if isinstance(place, dict) and len(way) > 1:
                place[draw(st.text("abcdef", max_size=5))] = place.pop(last)
            case "add" if isinstance(place[last], dict):
                place[last][draw(st.text("abcdef", max_size=5))] = draw(VALUES)
            case _:
                place[last] = draw(LEAVES)
    return holder["value"]


@st.composite
def patched(draw: st.DrawFn, data: bytes, pieces: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with one to three places replaced, taken out or put in."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from([0, 1, 2, 4, 100]))
        data = data[:at] + draw(pieces) + data[at + size :]
    return data


def bounded(read: Callable[[bytes], object], data: bytes, error: type[Exception]) -> object:
    """What is read, or None where our own error says that it cannot be; memory is measured."""
    tracemalloc.start()
    try:
        found = read(data)
    except error:
        found = None
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000 + 300 * len(data)
    return found


# The encoding


@fuzzed(300)
@given(
    st.lists(
        st.sampled_from(
            [
                *(bytes([major << 5 | kind]) for major in range(8) for kind in (0, 1, 23)),
                *(bytes([major << 5 | 24, size]) for major in range(7) for size in (0, 24, 255)),
                *(bytes([major << 5 | 26]) + b"\xff" * 4 for major in range(7)),
                *(bytes([major << 5 | 27]) + b"\xff" * 8 for major in range(7)),
                *(bytes([major << 5 | 31]) for major in range(8)),
                *(bytes([0xE0 | simple]) for simple in range(32)),
            ]
        )
        | st.binary(max_size=4),
        max_size=40,
    ).map(b"".join)
)
def test_heads_in_any_order_and_of_any_size_decode_to_what_they_encode(data: bytes) -> None:
    value = bounded(decode, data, EncodingError)
    if value is not None:
        assert encode(value) == data  # type: ignore[arg-type]  # decode gives what encode takes


@pytest.mark.parametrize("major", range(2, 6))
@pytest.mark.parametrize("size", [2**16, 2**32, 2**63, 2**64 - 1])
def test_a_size_that_is_only_claimed_costs_nothing(major: int, size: int) -> None:
    claimed = (major << 5 | 27).to_bytes(1) + size.to_bytes(8)
    assert bounded(decode, claimed + bytes(1000), EncodingError) is None
    assert bounded(decode, b"\x9b" + (2**40).to_bytes(8) + claimed, EncodingError) is None


# Blocks and evidence


def _core_decoded(payload: bytes) -> Any:
    value: Any = decode(payload)
    return {"core": decode(value["core"]), "seal": value["seal"]}


@fuzzed(400)
@given(st.data())
def test_a_block_of_any_content_is_refused_or_is_the_encoding_of_what_it_says(
    data: st.DataObject,
) -> None:
    payload = data.draw(st.sampled_from(PAYLOADS))
    value = data.draw(edited(_core_decoded(payload)))
    if isinstance(value, dict) and "core" in value:
        value["core"] = encode(value["core"])
    changed = encode(value)
    found: Any = bounded(decode_block, changed, Violation)
    if found is not None:
        block, digest = found
        assert encode_block(block) == changed
        assert core_hash(block.core) == digest


@fuzzed(150)
@given(st.data())
def test_the_bytes_of_a_block_are_refused_or_are_its_encoding(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from(PAYLOADS))
    changed = data.draw(patched(payload, st.binary(max_size=6)))
    found: Any = bounded(decode_block, changed, Violation)
    if found is not None:
        assert encode_block(found[0]) == changed


@fuzzed(250)
@given(st.data())
def test_evidence_of_any_content_is_refused_or_is_the_encoding_of_what_it_says(
    data: st.DataObject,
) -> None:
    changed = encode(data.draw(edited(decode(data.draw(st.sampled_from(EVIDENCE))))))
    found: Any = bounded(decode_evidence, changed, Violation)
    if found is not None:
        assert encode_evidence(found) == changed


@fuzzed(150)
@given(patched(NO_PROOF, st.sampled_from([b"\xa2", b"\x5b" + b"\xff" * 8]) | st.binary(max_size=6)))
def test_a_proof_file_in_pieces_is_refused_or_is_its_encoding(data: bytes) -> None:
    found: Any = bounded(decode_proof_file, data, Violation)
    if found is not None:
        assert encode_proof_file(found) == data


# Notes, anchors, policies


@fuzzed(200)
@given(
    patched(
        NOTE,
        st.sampled_from(
            [
                b"\n",
                b"\n\n",
                b"=",
                b"+",
                "\u2014 ".encode(),
                b"\xff",
                b"\0",
                b"0",
                b"9" * 30,
                b"AAAA",
            ]
        )
        | st.binary(max_size=5)
        | st.binary(max_size=60).map(b64encode),
    )
)
def test_a_note_with_pieces_of_notes_is_refused_or_has_its_one_form(data: bytes) -> None:
    found: Any = bounded(parse_note, data, CheckpointError)
    if found is not None:
        assert format_note(found) == data


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["\ud800", "0" * 64, "h1", "tclearn-anchor/v1", "F32", "I64"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@fuzzed(200)
@given(st.data())
def test_an_anchor_of_any_content_is_refused_or_can_be_written_again(data: st.DataObject) -> None:
    value: Any = json.loads(ANCHOR)
    for _ in range(data.draw(st.integers(1, 2))):
        way = data.draw(st.sampled_from(places(value)[1:]))
        place = value
        for key in way[:-1]:
            place = place[key]
        place[way[-1]] = data.draw(JSON)
    found: Any = bounded(parse_anchor, json.dumps(value).encode(), AnchorError)
    if found is not None:
        assert parse_anchor(format_anchor(found)) == found


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, '{"size": ' + "9" * 10_000 + "}", "\ufeff{}", "NaN"]
)
def test_json_that_is_made_to_hurt_is_refused(text: str) -> None:
    with pytest.raises(AnchorError):
        parse_anchor(text.encode())
    header = text.encode()
    with pytest.raises(TensorFileError):
        read_tensors(struct.pack("<Q", len(header)) + header)


@fuzzed(200)
@given(
    st.lists(
        st.sampled_from(POLICY.splitlines(keepends=True))
        | st.sampled_from(
            [
                b"quorum none\n",
                b"quorum a\n",
                b"group a 1 b\n",
                b"group a any a\n",
                b"group g all tclearn.invalid/h1 tclearn.invalid/h2\n",
                b"group none 1 g\n",
                b"log x\n",
                b"witness a b c d\n",
                b"# \xff\n",
                b"\t \n",
                b"\r\n",
            ]
        )
        | st.binary(max_size=12),
        max_size=12,
    ).map(b"".join)
    | patched(POLICY, st.binary(max_size=3))
)
def test_a_policy_of_any_lines_is_refused_or_can_be_written_again(data: bytes) -> None:
    found: Any = bounded(parse_policy, data, PolicyError)
    if found is not None:
        assert parse_policy(format_policy(found)) == found


# Models


@fuzzed(250)
@given(
    st.dictionaries(
        st.sampled_from(["w", "b", "__metadata__", "", "\n", "\ud800"]),
        JSON
        | st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "U8", "F64", "X1"]) | JSON,
                "shape": st.lists(st.sampled_from([0, 1, 2, 2**40, 2**41, -1, True]), max_size=10),
                "data_offsets": st.lists(st.sampled_from([0, 8, 4, 16, 2**40, -8]), max_size=3),
            }
        ),
        max_size=3,
    ),
    st.binary(max_size=20),
)
def test_a_model_of_any_header_is_refused_or_covers_its_data(
    header: dict[str, Any], data: bytes
) -> None:
    text = json.dumps(header).encode()
    file = struct.pack("<Q", len(text)) + text + data
    found: Any = bounded(read_tensors, file, TensorFileError)
    if found is not None:
        assert b"".join(entry.raw for entry in found) in (data, data[8:] + data[:8])
        assert sum(len(entry.raw) for entry in found) == len(data)


def test_what_is_fuzzed_is_sound_before() -> None:
    assert all(encode_block(decode_block(each)[0]) == each for each in PAYLOADS)
    assert all(encode_evidence(decode_evidence(each)) == each for each in EVIDENCE)
    assert format_note(parse_note(NOTE)) == NOTE
    assert format_anchor(parse_anchor(ANCHOR)) == ANCHOR
    assert format_policy(parse_policy(POLICY)) == POLICY
    assert len(read_tensors(model_bytes(1))) == 1
    assert max(map(len, PAYLOADS)) < PAYLOAD_SIZE_MAX
