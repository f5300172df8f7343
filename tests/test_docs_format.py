"""docs/ledger-format.md against the code: golden vectors, tables, and a second reader.

The second reader is written from the page alone. It uses struct, zlib, hashlib, cbor2 and PyNaCl,
and nothing of crypto, consensus or ledger, which only the tests below it know.
"""

import ast
import hashlib
import importlib
import json
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cbor2
import nacl.exceptions
import nacl.signing
import pytest

from ledger.audit import Judgement, audit_run
from ledger.audit.finding import AuditReport
from ledger.blobs import BlobStore
from tests.forge import Forge, model_bytes, small_rule
from tests.vectors import make

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "ledger-format.md").read_text("utf-8")
VECTORS: dict[str, Any] = json.loads(make.FORMAT.read_text("utf-8"))
ZEROS = bytes(32)
CODE = r"(?:[A-Z]{4,}(?:_[A-Z]+)*|[A-Z]+(?:_[A-Z]+)+)"
"""What the code of a finding or a judgement looks like."""


# The second reader: encoding


def encoded(value: Any) -> bytes:
    """Encode a value as the page says."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(encoded, value))
        case dict():
            pairs = sorted((encoded(key), encoded(item)) for key, item in value.items())
            return head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
        case _:
            raise AssertionError(type(value))


def head(major: int, argument: int) -> bytes:
    """The shortest head of an argument."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for information, form, width in ((24, ">B", 8), (25, ">H", 16), (26, ">I", 32), (27, ">Q", 64)):
        if argument < 1 << width:
            return bytes([major << 5 | information]) + struct.pack(form, argument)
    raise AssertionError(argument)


def decoded(data: bytes) -> Any:
    """Decode with a library; strict because the value has to encode to the same bytes again."""
    value = cbor2.loads(data)
    assert encoded(value) == data
    return value


def digest(label: str, value: Any) -> bytes:
    return hashlib.sha256(label.encode() + b"\0" + encoded(value)).digest()


# The second reader: files and records


def payloads(segment: bytes) -> Iterator[bytes]:
    """The payloads of a segment file."""
    at = 0
    while at < len(segment):
        magic, length, crc = struct.unpack_from("<4sII", segment, at)
        assert magic == b"TCL1"
        assert 1 <= length <= 16 * 2**20
        payload = segment[at + 12 : at + 12 + length]
        assert zlib.crc32(struct.pack("<I", length) + payload) == crc
        yield payload
        at += 12 + length


@dataclass
class Reader:
    """Judges one replica with Ed25519 keys, record by record."""

    owner: str
    genesis: dict[str, Any] | None = None
    chain: bytes = ZEROS
    head: bytes = ZEROS
    height: int = -1
    time_us: int = 0
    model: bytes = ZEROS
    rounds: int = 0
    accepted: int = 0
    ended: bool = False
    rejections: Counter[str] = field(default_factory=Counter)
    excluded: set[str] = field(default_factory=set)

    def take(self, payload: bytes) -> tuple[dict[str, Any], bytes]:
        """Take the next record in; its core and core hash."""
        outer = decoded(payload)
        assert outer.keys() == {"core", "seal"}
        core = decoded(outer["core"])
        core_hash = hashlib.sha256(b"tclearn/core/v1\0" + outer["core"]).digest()
        assert core["version"] == 1
        if self.genesis is None:
            self.found(core, core_hash)
            self._check_possessions(outer["seal"])
        else:
            self._check_chain(core)
            self._check_seal(core, core_hash, outer["seal"])
            self._exclude(core)
        self.head, self.height, self.time_us = core_hash, core["height"], core["time_us"]
        return core, core_hash

    def found(self, core: dict[str, Any], core_hash: bytes) -> None:
        assert core["type"] == "genesis"
        assert core["height"] == core["slot"] == core["time_us"] == 0
        assert core["chain"] == core["prev"] == ZEROS
        self.genesis, self.chain = core["body"], core_hash
        self.model = core["body"]["model"]["tensors"]
        assert list(core["body"]["quorum_sets"]) == self.nodes
        assert all(sorted_set(each) == each for each in core["body"]["quorum_sets"].values())
        assert core["body"]["protocol"] in ("majority", "authority", "scp", "pbft")
        rule = core["body"]["norm"]
        if rule is not None:
            assert rule.keys() == {"length", "bound", "quantiser", "members"}
            assert min(rule["length"], rule["bound"], rule["members"]) >= 1
            assert 1 <= len(rule["quantiser"]) <= 256
        self.head, self.height = core_hash, 0

    def _check_possessions(self, seal: dict[str, Any]) -> None:
        assert self.genesis is not None
        assert [each["node"] for each in seal["possessions"]] == self.nodes
        for node, proof in zip(self.genesis["nodes"], seal["possessions"], strict=True):
            name, algorithm, voting_key, _ = node
            said = ["tclearn/pop/v1", self.genesis["run"], name, algorithm, voting_key]
            verify(voting_key, said, proof["signature"])

    @property
    def nodes(self) -> list[str]:
        assert self.genesis is not None
        return [name for name, _, _, _ in self.genesis["nodes"]]

    def key(self, node: str) -> bytes:
        assert self.genesis is not None
        keys: dict[str, bytes] = {name: key for name, _, key, _ in self.genesis["nodes"]}
        return keys[node]

    def quorum_set(self, node: str) -> Any:
        assert self.genesis is not None
        return self.genesis["quorum_sets"][node]

    def _check_chain(self, core: dict[str, Any]) -> None:
        assert not self.ended
        assert core["height"] == core["slot"] == self.height + 1
        assert core["chain"] == self.chain
        assert core["prev"] == self.head
        assert core["time_us"] >= self.time_us
        candidate = core["body"]["candidate"]
        assert (candidate is None) is (core["proposer"] is None)
        if candidate is None or self.height == 0:
            assert core["prev_voters"] == []
        else:
            assert self._quorum(set(core["prev_voters"]))
        kind = None if candidate is None else candidate["kind"]
        recorded_as = {"model": "accepted"}.get(str(kind), kind)
        assert core["type"] in ("rejected", recorded_as)
        assert self.genesis is not None
        if kind == "model":
            assert self.rounds < self.genesis["rounds"]
            assert candidate["base"] == self.model
            assert not self.excluded.intersection(author for author, *_ in candidate["updates"])
            proven = self.genesis["norm"] is not None
            assert ("total" in candidate) is proven
            assert all(len(row) == (4 if proven else 3) for row in candidate["updates"])
            assert all(len(digest) == 32 for digest in files_of(candidate))
            if core["type"] == "accepted":
                self.model, self.accepted = candidate["model"]["tensors"], self.accepted + 1
        if core["type"] == "membership" and candidate["action"] == "quarantine":
            assert self.rejections[candidate["node"]] >= self.genesis["quarantine_after"]
        if core["type"] == "end":
            assert self.rounds >= self.genesis["rounds"]
            assert candidate["final_height"] == core["height"]
            assert candidate["accepted_count"] == self.accepted
            assert candidate["model"] == self.model
        self.rounds += kind in ("model", None)
        self.ended = core["type"] == "end"

    def _exclude(self, core: dict[str, Any]) -> None:
        """What a record means for the leaders and authors of those after it."""
        candidate = core["body"]["candidate"] or {}
        match core["type"], candidate:
            case "rejected", {"kind": "model", "updates": [[author, *_]]}:
                self.rejections[author] += 1
            case "evidence", {"culprits": culprits}:
                self.excluded.update(culprits)
            case "membership", {"action": "quarantine", "node": node}:
                self.excluded.add(node)
            case _:
                pass

    def _check_seal(self, core: dict[str, Any], core_hash: bytes, seal: dict[str, Any]) -> None:
        slot, candidate = core["slot"], core["body"]["candidate"]
        judged = ZEROS if candidate is None else digest("tclearn/candidate/v1", candidate)
        rejected = core["type"] == "rejected"
        keys = {"proposal", "attestations", "verdicts", "votes"}
        evidence = candidate is not None and candidate["kind"] == "evidence"
        assert seal.keys() == (keys | {"exhibit"} if evidence else keys)
        if candidate is not None:
            turns = sorted(set(self.nodes) - self.excluded) or sorted(self.nodes)
            leader = turns[(slot - 1) % len(turns)]
            assert core["proposer"] == leader
            proposal = seal["proposal"]
            assert proposal["rejected" if rejected else "accepted"] == core_hash
            values = [judged, proposal["accepted"], proposal["rejected"]]
            said = ["tclearn/block/v1", self.chain, slot, leader, *values]
            verify(self.key(leader), said, proposal["signature"])
        for each in seal["verdicts"]:
            node = each["node"]
            words = [each["candidate"], each["accept"], each["reason"], each["scores"]]
            said = ["tclearn/verdict/v1", self.chain, slot, node, *words]
            verify(self.key(node), said, each["signature"])
        if candidate is not None:
            judges = {
                each["node"]
                for each in seal["verdicts"]
                if each["accept"] is not rejected and each["candidate"] == judged
            }
            satisfied = self._blocks if rejected else self._convinces
            voters = [vote["node"] for vote in seal["votes"]]
            assert any(satisfied(judges, node) for node in (self.owner, *voters))
        self._check_attestations(core, candidate, seal["attestations"])
        self._check_votes(slot, core_hash, seal["votes"])

    def _check_votes(self, slot: int, core_hash: bytes, votes: list[dict[str, Any]]) -> None:
        assert self.genesis is not None
        for vote in votes:
            node = vote["node"]
            sets = digest("tclearn/quorum-set/v1", sorted_set(self.quorum_set(node)))
            body = voted(vote, core_hash, self.genesis["protocol"])
            said = signed_text(self.chain, slot, node, sets, body)
            verify(self.key(node), said, vote["signature"])
        words = {vote["node"]: vote.get("said", ["vote"]) for vote in votes}
        # Each number at which a certificate could hold is the lower end of one vote.
        assert any(
            self._convinces({node for node in words if counts(words[node], number)}, self.owner)
            for number in {lower_end(each) for each in words.values()}
        )

    def _check_attestations(
        self, core: dict[str, Any], body: Any, seals: list[dict[str, Any]]
    ) -> None:
        needed = {} if body is None else dict(self._attested(core, body))
        assert [each["node"] for each in seals] == sorted(needed)
        for each in seals:
            verify(self.key(each["node"]), needed[each["node"]], each["signature"])

    def _attested(
        self, core: dict[str, Any], body: dict[str, Any]
    ) -> Iterator[tuple[str, list[Any]]]:
        match body["kind"]:
            case "model":
                place = self.chain, core["slot"], core["prev"], body["base"]
                for row in body["updates"]:
                    yield row[0], update_text(*place, row)
            case "opinion":
                words = [body["expert"], body["model"], body["rating"], body["text"]]
                yield body["expert"], ["tclearn/opinion/v1", self.chain, *words]
            case "quality":
                for reviewer, score in body["reviews"]:
                    words = [reviewer, body["owner"], body["data"], score]
                    yield reviewer, ["tclearn/quality/v1", self.chain, *words]
            case "membership" if body["action"] != "quarantine":
                words = [body["node"], body["action"], body["subject"], body["reason"]]
                yield body["node"], ["tclearn/membership/v1", self.chain, *words]

    def _quorum(self, members: set[str]) -> set[str]:
        while True:
            kept = {node for node in members if satisfies(members, self.quorum_set(node))}
            if kept == members:
                return kept
            members = kept

    def _convinces(self, members: set[str], node: str) -> bool:
        quorum = self._quorum(members)
        return bool(quorum) and satisfies(quorum, self.quorum_set(node))

    def _blocks(self, members: set[str], node: str) -> bool:
        return blocks(members, self.quorum_set(node))


def voted(vote: dict[str, Any], core_hash: bytes, protocol: str) -> list[Any]:
    """The body of the statement that a vote in a seal stands for."""
    if "said" not in vote:
        assert vote.keys() == {"node", "signature"}
        assert protocol in ("majority", "authority")
        return ["vote", core_hash]
    assert vote.keys() == {"node", "signature", "said"}
    assert all(type(number) is int and 0 <= number < 2**32 for number in vote["said"][1:])
    match protocol, vote["said"]:
        case "scp", ["confirm", n, n_p, n_c, n_h]:
            return ["confirm", [n, core_hash], n_p, n_c, n_h]
        case "scp", ["externalize", n, n_h]:
            return ["externalize", [n, core_hash], n_h]
        case "pbft", ["view-commit", view]:
            return ["view-commit", view, core_hash]
        case _:
            raise AssertionError(vote["said"])


def lower_end(said: list[Any]) -> int:
    """Where what a vote accepts begins: nC, c, or the view."""
    match said:
        case ["confirm", _, _, low, _] | ["externalize", low, _] | ["view-commit", low]:
            return int(low)
        case _:
            return 0


def counts(said: list[Any], number: int) -> bool:
    """Whether a vote is one for a counter or view."""
    match said:
        case ["confirm", _, _, low, high]:
            return bool(1 <= low <= number <= high)
        case ["externalize", low, _]:
            return bool(1 <= low <= number)
        case ["view-commit", view]:
            return bool(view == number)
        case _:
            return said == ["vote"]


def body_of(said: dict[str, Any]) -> list[Any]:
    """The body that is signed, of a statement as it stands in a file."""
    fields = {key: value for key, value in said.items() if key not in ("kind", "slot")}
    order = {
        "vote": "value",
        "nominate": "votes accepted",
        "prepare": "ballot prepared prepared_prime commit_counter high_counter",
        "confirm": "ballot prepared_counter commit_counter high_counter",
        "externalize": "commit high_counter",
        "new-view": "view value changes",
        "view-change": "view",
    }.get(said["kind"], "view value")
    body = [said["kind"], *(fields[name] for name in order.split())]
    if said["kind"] == "view-change":
        claim = [fields["prepared_view"], fields["prepared_value"]]
        body.append([] if claim == [None, None] else claim)
    return [[] if value is None else value for value in body]


def signed_text(chain: bytes, slot: int, node: str, sets: bytes, body: list[Any]) -> list[Any]:
    return ["tclearn/statement/v1", chain, slot, node, sets, body]


def update_text(chain: bytes, slot: int, parent: bytes, base: bytes, row: list[Any]) -> list[Any]:
    """What the author of an update signs."""
    author, update, count, *proof = row
    words = [chain, slot, author, base, update, count]
    if proof:
        return ["tclearn/proven-update/v1", *words, parent, *proof]
    return ["tclearn/update/v1", *words]


def files_of(candidate: dict[str, Any]) -> list[bytes]:
    """The files beside the model that a candidate of kind model names."""
    proofs = [row[3] for row in candidate["updates"] if len(row) == 4]
    return [*proofs, candidate["total"]] if "total" in candidate else proofs


def satisfies(members: set[str], quorum_set: Any) -> bool:
    threshold, validators, inner = quorum_set
    hit = sum(node in members for node in validators)
    return bool(hit + sum(satisfies(members, each) for each in inner) >= threshold)


def blocks(members: set[str], quorum_set: Any) -> bool:
    threshold, validators, inner = quorum_set
    hit = sum(node in members for node in validators)
    hit += sum(blocks(members, each) for each in inner)
    return bool(hit > len(validators) + len(inner) - threshold)


def sorted_set(quorum_set: Any) -> Any:
    threshold, validators, inner = quorum_set
    return [threshold, sorted(validators), sorted(map(sorted_set, inner), key=encoded)]


def verify(public_key: bytes, said: list[Any], signature: bytes) -> None:
    label = said[0].encode()
    message = b"\0" + bytes([len(label)]) + label + encoded(said)
    nacl.signing.VerifyKey(public_key).verify(message, signature)


def read(segment: bytes, owner: str = "h1") -> list[tuple[dict[str, Any], bytes]]:
    """Read a whole replica; raises where something is wrong."""
    reader = Reader(owner)
    found = [reader.take(payload) for payload in payloads(segment)]
    assert reader.ended
    return found


def test_a_reader_written_from_the_page_reads_a_forged_ledger(tmp_path: Path) -> None:
    forge = Forge()
    run = forge.write(tmp_path, forge.blocks(), ["h1", "h2"])
    for owner in ("h1", "h2"):
        found = read((run / "ledger" / owner / "00000000.seg").read_bytes(), owner)
        assert [core["type"] for core, _ in found] == ["genesis", "accepted", "rejected", "end"]


@pytest.mark.parametrize("protocol", ["majority", "authority", "scp", "pbft"])
def test_a_reader_written_from_the_page_reads_a_ledger_of_each_protocol(
    tmp_path: Path, protocol: str
) -> None:
    forge = Forge(protocol=protocol)
    run = forge.write(tmp_path, forge.blocks())
    assert len(read((run / "ledger" / "h1" / "00000000.seg").read_bytes())) == 4


def test_a_reader_written_from_the_page_reads_a_ledger_with_proofs(tmp_path: Path) -> None:
    forge = Forge(norm=small_rule())
    run = forge.write(tmp_path, forge.blocks())
    found = read((run / "ledger" / "h1" / "00000000.seg").read_bytes())
    candidates = [core["body"].get("candidate") or {} for core, _ in found]
    models = [each for each in candidates if each.get("kind") == "model"]
    assert [len(files_of(each)) for each in models] == [2, 2]
    for name in (name for each in models for name in files_of(each)):
        file = run / "blobs" / "sha256" / name.hex()[:2] / name.hex()
        content = file.read_bytes()
        assert hashlib.sha256(content).digest() == name
        if name in (each["total"] for each in models):
            assert len(content) == 8 * 1 * (1 + 16) * 256  # d = 8: one block of one ring element
        else:
            assert decoded(content).keys() == {"commitment", "proof"}


def founded(example: dict[str, Any]) -> Reader:
    """A reader that has taken in the genesis of an example."""
    core = bytes.fromhex(example["genesis"])
    reader = Reader("h1")
    reader.found(decoded(core), hashlib.sha256(b"tclearn/core/v1\0" + core).digest())
    return reader


def test_the_proven_candidate_follows_from_the_page() -> None:
    example = VECTORS["proven"]
    payload = bytes.fromhex(example["payload"])
    core, _ = founded(example).take(payload)
    candidate = core["body"]["candidate"]
    named = [hashlib.sha256(bytes.fromhex(each)).digest() for each in example["files"]]
    assert [row[3] for row in candidate["updates"]] == named
    for file, content in zip(example["files"], example["contents"], strict=True):
        assert encoded(unplain(content)).hex() == file


@pytest.mark.parametrize("change", ["row", "total", "parent"])
def test_the_reader_refuses_a_candidate_without_what_the_genesis_asks_for(change: str) -> None:
    outer = decoded(bytes.fromhex(VECTORS["proven"]["payload"]))
    core = decoded(outer["core"])
    candidate = core["body"]["candidate"]
    match change:
        case "row":
            del candidate["updates"][0][3]
        case "total":
            del candidate["total"]
        case _:
            core["prev"] = ZEROS
    outer["core"] = encoded(core)
    with pytest.raises(AssertionError):
        founded(VECTORS["proven"]).take(encoded(outer))


@pytest.mark.parametrize("example", VECTORS["certificates"], ids=lambda each: each["protocol"])
def test_the_certificates_follow_from_the_page(example: dict[str, Any]) -> None:
    payload = bytes.fromhex(example["payload"])
    core, _ = founded(example).take(payload)
    assert core["type"] == "accepted"
    for vote in range(3):
        outer = decoded(payload)
        seal = outer["seal"]["votes"][vote]
        seal["said"] = [*seal.get("said", ["vote"])[:-1], 0]
        with pytest.raises((AssertionError, nacl.exceptions.BadSignatureError)):
            founded(example).take(encoded(outer))


def test_commits_of_two_views_and_intervals_apart_convince_nobody() -> None:
    for words in (
        {"h1": ["view-commit", 0], "h2": ["view-commit", 0], "h3": ["view-commit", 1]},
        {"h1": ["confirm", 2, 2, 1, 2], "h2": ["confirm", 4, 4, 3, 4], "h3": ["externalize", 4, 4]},
        {"h1": ["confirm", 2, 2, 0, 2], "h2": ["confirm", 2, 2, 2, 1], "h3": ["externalize", 0, 4]},
    ):
        assert not any(all(counts(each, number) for each in words.values()) for number in range(10))


def test_a_reader_written_from_the_page_reads_the_stored_ledger() -> None:
    found = read(make.SEGMENT.read_bytes())
    stated = [(each["type"], each["height"], each["core_hash"]) for each in VECTORS["records"]]
    assert [(core["type"], core["height"], name.hex()) for core, name in found] == stated
    assert {core["type"] for core, _ in found} == set(
        re.findall(r"`(\w+)`", line_with("| `type` | text |"))
    ) - {"type"}


def test_the_stored_ledger_is_valid_to_the_audit(tmp_path: Path) -> None:
    replica = tmp_path / "ledger" / "h1"
    replica.mkdir(parents=True)
    (replica / "00000000.seg").write_bytes(make.SEGMENT.read_bytes())
    store = BlobStore(tmp_path / "blobs")
    for number in range(make.ROUNDS):
        store.put(model_bytes(number))
    store.put(bytes.fromhex(VECTORS["files"][0]["file"]))
    report = audit_run(tmp_path)
    assert report.judgement is Judgement.VALID, report.findings


def test_the_reader_refuses_a_changed_vote() -> None:
    whole = make.SEGMENT.read_bytes()
    records = list(payloads(whole))
    outer = cbor2.loads(records[1])
    vote = outer["seal"]["votes"][0]
    vote["signature"] = bytes([vote["signature"][0] ^ 1]) + vote["signature"][1:]
    reader = Reader("h1")
    reader.take(records[0])
    with pytest.raises(nacl.exceptions.BadSignatureError):
        reader.take(encoded(outer))


def test_the_reader_refuses_a_record_without_a_quorum_of_votes() -> None:
    records = list(payloads(make.SEGMENT.read_bytes()))
    outer = cbor2.loads(records[1])
    del outer["seal"]["votes"][0]
    reader = Reader("h1")
    reader.take(records[0])
    with pytest.raises(AssertionError):
        reader.take(encoded(outer))


# Golden vectors: the page's words, checked without the code


def test_the_encoding_examples_follow_from_the_page() -> None:
    for example in VECTORS["encoding"]["values"]:
        value = unplain(example["value"])
        assert encoded(value).hex() == example["hex"]
        assert decoded(bytes.fromhex(example["hex"])) == value


def test_the_examples_on_the_page_are_as_stated() -> None:
    rows = re.findall(r"^\| `(\S.*)` \| `([0-9a-f]+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 4
    for value, data in rows:
        assert encoded(json.loads(value)).hex() == data


def test_the_refused_encodings_do_not_encode_to_themselves() -> None:
    from crypto.encoding import decode
    from crypto.errors import EncodingError

    for example in VECTORS["encoding"]["refused"]:
        with pytest.raises(EncodingError):
            decode(bytes.fromhex(example["hex"]))


def test_the_frame_example_follows_from_the_page() -> None:
    frame = VECTORS["frame"]
    assert list(payloads(bytes.fromhex(frame["record"]))) == [bytes.fromhex(frame["payload"])]


def test_the_digests_follow_from_the_page() -> None:
    stated = VECTORS["digest"]
    assert digest(stated["label"], stated["value"]).hex() == stated["digest"]
    for example in VECTORS["quorum_sets"]:
        value = decoded(bytes.fromhex(example["encoded"]))
        assert sorted_set(value) == value
        assert digest("tclearn/quorum-set/v1", value).hex() == example["digest"]
    for record in VECTORS["records"]:
        core = bytes.fromhex(record["core"])
        assert digest("tclearn/core/v1", decoded(core)).hex() == record["core_hash"]
        if record["candidate"] is not None:
            candidate = decoded(core)["body"]["candidate"]
            assert encoded(candidate).hex() == record["candidate"]["encoded"]
            assert digest("tclearn/candidate/v1", candidate).hex() == record["candidate"]["digest"]


def test_the_tensor_digest_follows_from_the_page() -> None:
    tensors = VECTORS["tensors"]
    data = bytes.fromhex(tensors["file"])
    assert hashlib.sha256(data).hexdigest() == tensors["file_digest"]
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    body = data[8 + size :]
    entries = []
    for name in sorted(header):
        start, end = header[name]["data_offsets"]
        raw = hashlib.sha256(body[start:end]).digest()
        entries.append([name, header[name]["dtype"], header[name]["shape"], raw])
    assert [[*each[:3], each[3].hex()] for each in entries] == tensors["entries"]
    assert digest("tclearn/tensors/v1", entries).hex() == tensors["digest"]


def test_the_signed_preimages_verify_and_have_the_form_of_the_page() -> None:
    lengths = {}
    for example in VECTORS["preimages"]:
        said = decoded(bytes.fromhex(example["preimage"]))
        assert said[0] == example["context"]
        key, signature = (bytes.fromhex(example[name]) for name in ("public_key", "signature"))
        verify(key, said, signature)
        lengths[said[0]] = len(said)
    row = r"^\| [\w ]+ \| `(tclearn/[\w-]+/v1)` \| `(.+)` \|$"
    described = dict(re.findall(row, section("Signatures"), re.MULTILINE))
    assert lengths.keys() == described.keys()
    for label, array in described.items():
        parts = re.sub(r"\[[^]]*\]", "array", array).split(", ")
        assert len(parts) + 1 == lengths[label], label


def test_the_statements_in_files_are_signed_as_the_page_says() -> None:
    statements = [
        decoded(bytes.fromhex(example["statement"]))
        for example in VECTORS["files"]
        if "statement" in example
    ]
    preimages = [decoded(bytes.fromhex(example["preimage"])) for example in VECTORS["preimages"]]
    said = [each for each in preimages if each[0] == "tclearn/statement/v1"]
    assert [body_of(each) for each in statements] == [each[-1] for each in said]
    for statement, preimage in zip(statements, said, strict=True):
        sets = statement.get("quorum_set", preimage[4])
        text = signed_text(preimage[1], statement["slot"], "h1", sets, body_of(statement))
        assert text == preimage


def test_the_bodies_of_statements_are_those_of_the_page() -> None:
    rows = re.findall(r'^\| `([\w-]+)` \| `\["([\w-]+)", (.+)\]` \|', section("Signatures"), re.M)
    described = {kind: re.sub(r"\[[^]]*\]", "array", rest) for kind, _, rest in rows}
    assert all(kind == named for kind, named, _ in rows)
    bodies = [decoded(bytes.fromhex(each["preimage"]))[-1] for each in VECTORS["preimages"]]
    lengths = {body[0]: len(body) for body in bodies if isinstance(body, list) and body}
    assert {kind: 1 + len(rest.split(", ")) for kind, rest in described.items()} == lengths


def test_the_files_of_evidence_follow_from_the_page() -> None:
    equivocation, fork, _ = (each for each in VECTORS["files"] if "file" in each)
    chain = bytes.fromhex(equivocation["chain"])
    genesis = decoded(bytes.fromhex(VECTORS["records"][0]["core"]))["body"]
    found = decoded(bytes.fromhex(equivocation["file"]))
    assert (found["kind"], found["chain"]) == ("equivocation", chain)
    pair = [found[name] for name in ("first", "second")]
    assert pair[0]["node"] == pair[1]["node"] == "h3"
    for each in pair:
        node, said = each["node"], each["statement"]
        sets = digest("tclearn/quorum-set/v1", sorted_set(genesis["quorum_sets"][node]))
        text = signed_text(chain, said["slot"], node, sets, body_of(said))
        (key,) = (key for name, _, key, _ in genesis["nodes"] if name == node)
        verify(key, text, each["signature"])
    about = [chain, "h3", *sorted(encoded(each["statement"]) for each in pair)]
    assert digest("tclearn/evidence/v1", about).hex() == equivocation["subject"]
    found = decoded(bytes.fromhex(fork["file"]))
    cores = [decoded(found[name])["core"] for name in ("first", "second")]
    hashes = sorted(hashlib.sha256(b"tclearn/core/v1\0" + core).digest() for core in cores)
    assert digest("tclearn/evidence/v1", [chain, *hashes]).hex() == fork["subject"]
    (record,) = (each for each in VECTORS["records"] if each["type"] == "evidence")
    candidate = decoded(bytes.fromhex(record["core"]))["body"]["candidate"]
    assert candidate["subject"].hex() == equivocation["subject"]
    stored = [decoded(payload) for payload in payloads(make.SEGMENT.read_bytes())]
    named = [each["seal"]["exhibit"] for each in stored if "exhibit" in each["seal"]]
    assert named == [hashlib.sha256(bytes.fromhex(equivocation["file"])).digest()]


def test_the_evidence_of_a_false_proof_follows_from_the_page() -> None:
    *_, example = (each for each in VECTORS["files"] if "file" in each)
    reader = founded(VECTORS["proven"])
    found = decoded(bytes.fromhex(example["file"]))
    assert found.keys() == {
        *("kind", "chain", "slot", "parent", "base", "update", "signature", "file")
    }
    assert (found["kind"], found["chain"]) == ("norm", reader.chain)
    author = found["update"][0]
    chain, slot, parent, base = (found[name] for name in ("chain", "slot", "parent", "base"))
    assert found["update"][3] == hashlib.sha256(found["file"]).digest()
    said = update_text(chain, slot, parent, base, found["update"])
    verify(reader.key(author), said, found["signature"])
    about = [chain, slot, parent, base, found["update"]]
    assert digest("tclearn/evidence/v1", about).hex() == example["subject"]


# The code gives the vectors, and says what the page says


def test_the_vectors_are_what_the_code_makes() -> None:
    made = json.loads(json.dumps(make.document()))
    assert made == VECTORS, "run: python -m tests.vectors.make"


def test_the_page_lists_every_code_of_the_ledger_and_no_other() -> None:
    used = set()
    for folder in ("ledger", "scenarios/replay"):
        for text in texts(ROOT / folder):
            used.update(re.findall(rf"^{CODE}$", text))
    listed = set(re.findall(rf"`({CODE})`", section("Audit findings")))
    assert used - listed == set(), "codes that docs/ledger-format.md does not explain"
    assert listed - used == set(), "codes that the ledger does not have"


def test_the_page_lists_every_label_under_which_something_is_hashed_or_signed() -> None:
    used = set()
    for package in ("consensus", "crypto", "ledger"):
        for text in texts(ROOT / package):
            used.update(re.findall(r"^tclearn/[\w-]+/v\d+$", text))
    assert used - set(re.findall(r"tclearn/[\w-]+/v\d+", PAGE)) == set()


def test_the_limits_are_as_stated() -> None:
    rows = re.findall(r"^\| `([\w.]+)\.([A-Z_]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(rows) > 15
    for module, name, value in rows:
        assert getattr(importlib.import_module(module), name) == int(value), f"{module}.{name}"


def test_the_judgements_and_statuses_are_as_stated() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d) \|", PAGE, re.MULTILINE))
    status = vars(AuditReport)["exit_status"].fget
    stated = {each.value: str(status(SimpleNamespace(judgement=each))) for each in Judgement}
    assert rows == stated


def texts(folder: Path) -> Iterator[str]:
    """Every literal text in the modules of a folder."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def section(title: str) -> str:
    """What stands under a heading of the second level."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def line_with(start: str) -> str:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(start)]
    return line


def unplain(value: Any) -> Any:
    """Turn {"bytes": hexadecimal} of the vectors into bytes."""
    match value:
        case {"bytes": str() as text}:
            return bytes.fromhex(text)
        case dict():
            return {key: unplain(each) for key, each in value.items()}
        case list():
            return [unplain(each) for each in value]
        case _:
            return value
