"""Records that do not fit the schema, or say what no record of their type may say.

The chain under attack holds one record of each type. A change is made to the decoded core and seal
of one of them, which is then encoded, hashed and linked as a careful attacker would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto.digest import Digest, sha256
from crypto.encoding import decode, encode
from ledger.block import Block, NodeSeal, encode_block
from ledger.body import Candidate
from ledger.notice import Action, MembershipNotice, OpinionNotice, QualityNotice
from tests.forge import Forge, grow, model_bytes, start

from .attacks import H1, H2, H3, H4, STRANGER, Scene, resealed

Change = Callable[[Any], object]
"""Edits {"core": map, "seal": map} in place."""

TYPES = (
    "genesis",
    "accepted",
    "rejected",
    "evidence",
    "leave",
    "join",
    "opinion",
    "quality",
    "end",
)
"""What stands at each height."""
NOTHING = Digest(bytes(32))
BIG = 2**63
HUGE = 2**32
LONG = "x" * 257
MANY = [f"n{number:04}" for number in range(1001)]
MANY_VOTES = [{"node": node, "signature": b"s"} for node in MANY]


@dataclass(frozen=True, slots=True)
class Malformed:
    """One broken rule."""

    name: str
    """What is done, in a few words."""
    at: str
    """The type of the record, out of `TYPES`."""
    change: Change
    """What is done to it."""
    code: str = "BAD_SCHEMA"
    """The finding at its height."""

    @property
    def height(self) -> int:
        """Where the record stands."""
        return TYPES.index(self.at)


@dataclass(frozen=True, slots=True)
class Raw:
    """A core that is not encoded."""

    content: bytes | str
    """What stands there instead."""


def every_type(forge: Forge) -> list[Block]:
    """A finished chain with one record of each type."""
    blocks = [forge.genesis()]
    state = start(blocks[0])
    notices: list[Candidate] = [
        MembershipNotice(Action.LEAVE, H2, NOTHING, "moved"),
        MembershipNotice(Action.JOIN, STRANGER, sha256(b"key"), "new"),
        OpinionNotice(H2, sha256(b"model"), 900_000, sha256(b"text")),
        QualityNotice(H1, sha256(b"data"), ((H2, 1), (H3, 1_000_000))),
    ]
    for number, make in ((1, forge.accepted), (2, forge.rejected)):
        blocks.append(make(state, model_bytes(number)))
        state = grow(state, blocks[-1])
    blocks.append(forge.evidence(state, forge.fork((H1, H2, H3), (H2, H3, H4)), blocks[0]))
    state = grow(state, blocks[-1])
    for notice in notices:
        block = forge.notice(state, notice)
        if TYPES[block.core.height] == "join":  # the genesis has no key of whoever joins
            block = resealed(block, attestations=(NodeSeal(STRANGER, bytes(64)),))
        blocks.append(block)
        state = grow(state, block)
    blocks.append(forge.end(state))
    return blocks


def malformed(scene: Scene, case: Malformed) -> None:
    """Write the chain up to the changed record and no further."""
    payloads = [encode_block(block) for block in scene.blocks[: case.height + 1]]
    value: Any = decode(payloads[-1])
    value["core"] = decode(value["core"])
    case.change(value)
    core = value["core"]
    value["core"] = core.content if isinstance(core, Raw) else encode(core)
    scene.put_payloads([*payloads[:-1], encode(value)])


def put(path: str, content: object) -> Change:
    """Replace what stands at a path of keys and indices."""

    def change(value: Any) -> None:
        *way, last = _keys(path)
        for key in way:
            value = value[key]
        value[last] = content(value[last]) if callable(content) else content

    return change


def _keys(path: str) -> list[str | int]:
    return [int(key) if key.isdecimal() else key for key in path.split("/")]


def drop(path: str) -> Change:
    """Take a key away."""

    def change(value: Any) -> None:
        *way, last = _keys(path)
        for key in way:
            value = value[key]
        del value[last]

    return change


def both(*changes: Change) -> Change:
    def change(value: Any) -> None:
        for each in changes:
            each(value)

    return change


def reverse(value: Sequence[Any]) -> list[Any]:
    return list(reversed(value))


def twice(value: Sequence[Any]) -> list[Any]:
    return [value[0], *value]


def first_only(value: Sequence[Any]) -> list[Any]:
    return list(value[:1])


def without(key: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda value: {name: item for name, item in value.items() if name != key}


RULE = {"length": 8, "bound": 16, "quantiser": "forge", "members": 4}


def norm(edit: Callable[[Mapping[str, Any]], object] = dict, **changed: object) -> Change:
    """Put a rule of norms into the genesis that is sound but for the changes."""
    return put("core/body/norm", edit({**RULE, **changed}))


CANDIDATE = "core/body/candidate"
UPDATE = f"{CANDIDATE}/updates/0"
PROVEN = ["h1", bytes(32), 1, bytes(32)]
SAID = put("seal/votes/0/said", ["view-commit", 0])

SCHEMA: Sequence[Malformed] = (
    # The block and its core
    Malformed("payload with another key", "accepted", put("more", 1)),
    Malformed("core that is no map", "accepted", put("core", [1])),
    Malformed("core of no bytes", "accepted", put("core", Raw(b""))),
    Malformed("core of text", "accepted", put("core", Raw("text"))),
    Malformed("core cut", "accepted", put("core", Raw(b"\xa1")), "BAD_ENCODING"),
    Malformed("core without a key", "accepted", drop("core/prev")),
    Malformed("core with a key renamed", "accepted", both(drop("core/prev"), put("core/more", 1))),
    Malformed("core with another key", "accepted", put("core/more", 1)),
    Malformed("unknown version", "accepted", put("core/version", 2)),
    Malformed("version true", "accepted", put("core/version", True)),
    Malformed("unknown type", "accepted", put("core/type", "other")),
    Malformed("type that is no text", "accepted", put("core/type", 5)),
    Malformed("short chain", "accepted", put("core/chain", bytes(31))),
    Malformed("chain of text", "accepted", put("core/chain", "x" * 32)),
    Malformed("height true", "accepted", put("core/height", True)),
    Malformed("slot of text", "accepted", put("core/slot", "1")),
    Malformed("prev of 33 bytes", "accepted", put("core/prev", bytes(33))),
    Malformed("time below zero", "accepted", put("core/time_us", -1)),
    Malformed("time above the largest integer", "accepted", put("core/time_us", BIG)),
    Malformed("proposer in upper case", "accepted", put("core/proposer", "H1")),
    Malformed("proposer of bytes", "accepted", put("core/proposer", b"h1")),
    Malformed("previous voters unsorted", "rejected", put("core/prev_voters", reverse)),
    Malformed("previous voter twice", "rejected", put("core/prev_voters", twice)),
    Malformed("previous voters no list", "rejected", put("core/prev_voters", {})),
    Malformed("1001 previous voters", "rejected", put("core/prev_voters", MANY)),
    Malformed("body that is no map", "accepted", put("core/body", None)),
    Malformed("body with another key", "accepted", put("core/body/more", 1)),
    # The genesis
    Malformed("genesis without a key", "genesis", drop("core/body/rule")),
    Malformed(
        "no nodes", "genesis", both(put("core/body/nodes", []), put("core/body/quorum_sets", {}))
    ),
    Malformed("nodes unsorted", "genesis", put("core/body/nodes", reverse)),
    Malformed("node of three fields", "genesis", put("core/body/nodes/0", ["h1", "Ed25519", b"k"])),
    Malformed("node that is no list", "genesis", put("core/body/nodes/0", "four")),
    Malformed("unknown algorithm", "genesis", put("core/body/nodes/0/1", "RSA")),
    Malformed("algorithm of bytes", "genesis", put("core/body/nodes/0/1", b"Ed25519")),
    Malformed("short voting key", "genesis", put("core/body/nodes/0/2", bytes(31))),
    Malformed("voting key of text", "genesis", put("core/body/nodes/0/2", "k" * 32)),
    Malformed("huge voting key", "genesis", put("core/body/nodes/0/2", bytes(4097))),
    Malformed("short checkpoint key", "genesis", put("core/body/nodes/0/3", bytes(1311))),
    Malformed("rounds below zero", "genesis", put("core/body/rounds", -1)),
    Malformed("quarantine below zero", "genesis", put("core/body/quarantine_after", -1)),
    Malformed("quarantine after true", "genesis", put("core/body/quarantine_after", True)),
    Malformed(
        "genesis without a rule of quarantine", "genesis", drop("core/body/quarantine_after")
    ),
    Malformed("genesis without a rule of norms", "genesis", drop("core/body/norm")),
    Malformed("norm of text", "genesis", put("core/body/norm", "none")),
    Malformed("norm without a bound", "genesis", norm(without("bound"))),
    Malformed("norm with another key", "genesis", norm(more=1)),
    Malformed("norm of no parameters", "genesis", norm(length=0)),
    Malformed("norm of too many parameters", "genesis", norm(length=2**22 + 1)),
    Malformed("norm of huge updates", "genesis", norm(length=BIG - 1)),
    Malformed("norm below one", "genesis", norm(bound=0)),
    Malformed("norm that cannot be proven", "genesis", norm(bound=2**15 + 1)),
    Malformed("norm true", "genesis", norm(bound=True)),
    Malformed("norm of no members", "genesis", norm(members=0)),
    Malformed("norm of no quantiser", "genesis", norm(quantiser="")),
    Malformed("quantiser too long", "genesis", norm(quantiser=LONG)),
    Malformed("protocol too long", "genesis", put("core/body/protocol", LONG)),
    Malformed("protocol that nobody knows", "genesis", put("core/body/protocol", "raft")),
    Malformed("protocol that is no text", "genesis", put("core/body/protocol", ["scp"])),
    Malformed("rule of bytes", "genesis", put("core/body/rule", b"majority")),
    Malformed("run of 31 bytes", "genesis", put("core/body/run", bytes(31))),
    Malformed("data without G", "genesis", drop("core/body/data/global")),
    Malformed("data of text", "genesis", put("core/body/data", "none")),
    Malformed("hospitals unsorted", "genesis", put("core/body/data/hospitals", reverse)),
    Malformed("hospital of two fields", "genesis", put("core/body/data/hospitals/0", first_only)),
    Malformed("model without a digest", "genesis", drop("core/body/model/tensors")),
    Malformed("model size below zero", "genesis", put("core/body/model/size_bytes", -1)),
    Malformed("possessions unsorted", "genesis", put("seal/possessions", reverse)),
    Malformed("witness possession twice", "genesis", put("seal/witness_possessions", twice)),
    Malformed("seal of a genesis with votes", "genesis", put("seal/votes", [])),
    Malformed("possession without a signature", "genesis", drop("seal/possessions/0/signature")),
    # Quorum sets
    Malformed("quorum sets no map", "genesis", put("core/body/quorum_sets", 4), "BAD_QUORUM_SET"),
    Malformed(
        "quorum set missing",
        "genesis",
        put("core/body/quorum_sets", without("h4")),
        "BAD_QUORUM_SET",
    ),
    Malformed(
        "quorum set of a stranger",
        "genesis",
        put("core/body/quorum_sets/x", [1, ["h1"], []]),
        "BAD_QUORUM_SET",
    ),
    Malformed(
        "quorum set unsorted",
        "genesis",
        put("core/body/quorum_sets/h1/1", reverse),
        "BAD_QUORUM_SET",
    ),
    Malformed(
        "inner sets unsorted",
        "genesis",
        put("core/body/quorum_sets/h1", [2, [], [[1, ["h2"], []], [1, ["h1"], []]]]),
        "BAD_QUORUM_SET",
    ),
    Malformed("threshold zero", "genesis", put("core/body/quorum_sets/h1/0", 0), "BAD_QUORUM_SET"),
    Malformed(
        "threshold above the entries",
        "genesis",
        put("core/body/quorum_sets/h1/0", 5),
        "BAD_QUORUM_SET",
    ),
    Malformed(
        "validator twice", "genesis", put("core/body/quorum_sets/h1/1", twice), "BAD_QUORUM_SET"
    ),
    Malformed("threshold of text", "genesis", put("core/body/quorum_sets/h1/0", "1")),
    Malformed("quorum set of two", "genesis", put("core/body/quorum_sets/h1", [1, ["h1"]])),
    Malformed("quorum set that is no list", "genesis", put("core/body/quorum_sets/h1", {})),
    Malformed("validator that is no name", "genesis", put("core/body/quorum_sets/h1/1/0", "H 1")),
    # Candidates
    Malformed("candidate that is no map", "accepted", put(CANDIDATE, "model")),
    Malformed("unknown kind", "accepted", put(f"{CANDIDATE}/kind", "other")),
    Malformed("kind that is no text", "accepted", put(f"{CANDIDATE}/kind", 5)),
    Malformed("candidate without a base", "accepted", drop(f"{CANDIDATE}/base")),
    Malformed("base of 31 bytes", "accepted", put(f"{CANDIDATE}/base", bytes(31))),
    Malformed("scheme too long", "accepted", put(f"{CANDIDATE}/scheme", LONG)),
    Malformed("score below zero", "accepted", put(f"{CANDIDATE}/global_score", -1)),
    Malformed("updates no list", "accepted", put(f"{CANDIDATE}/updates", {})),
    Malformed("update twice", "accepted", put(f"{CANDIDATE}/updates", twice)),
    Malformed("update of two fields", "accepted", put(UPDATE, ["h1", bytes(32)])),
    Malformed("proof that is a number", "accepted", put(UPDATE, ["h1", bytes(32), 1, 1])),
    Malformed("proof that is null", "accepted", put(UPDATE, ["h1", bytes(32), 1, None])),
    Malformed("proof of 31 bytes", "accepted", put(UPDATE, ["h1", bytes(32), 1, bytes(31)])),
    Malformed("update of five", "accepted", put(UPDATE, ["h1", *[bytes(32)] * 4])),
    Malformed("total that is null", "accepted", put(f"{CANDIDATE}/total", None)),
    Malformed("total of 33 bytes", "accepted", put(f"{CANDIDATE}/total", bytes(33))),
    Malformed("total of an end", "end", put(f"{CANDIDATE}/total", bytes(32))),
    Malformed("update of no samples", "accepted", put(f"{CANDIDATE}/updates/0/2", 0)),
    Malformed("end at height zero", "end", put(f"{CANDIDATE}/final_height", 0)),
    Malformed("end without a model", "end", drop(f"{CANDIDATE}/model")),
    Malformed("unknown misconduct", "evidence", put(f"{CANDIDATE}/misconduct", "rudeness")),
    Malformed("culprits unsorted", "evidence", put(f"{CANDIDATE}/culprits", reverse)),
    Malformed("culprit twice", "evidence", put(f"{CANDIDATE}/culprits", twice)),
    Malformed("evidence with another key", "evidence", put(f"{CANDIDATE}/more", 1)),
    Malformed("evidence of 31 bytes", "evidence", put(f"{CANDIDATE}/subject", bytes(31))),
    Malformed("evidence about nothing", "evidence", drop(f"{CANDIDATE}/subject")),
    Malformed("evidence without an exhibit", "evidence", drop("seal/exhibit")),
    Malformed("exhibit of nothing", "evidence", put("seal/exhibit", None)),
    Malformed("exhibit of 33 bytes", "evidence", put("seal/exhibit", bytes(33))),
    Malformed("exhibit of a model", "accepted", put("seal/exhibit", bytes(32))),
    Malformed("exhibit of an opinion", "opinion", put("seal/exhibit", bytes(32))),
    Malformed("unknown action", "leave", put(f"{CANDIDATE}/action", "sing")),
    Malformed("reason too long", "leave", put(f"{CANDIDATE}/reason", LONG)),
    Malformed("subject of 31 bytes", "join", put(f"{CANDIDATE}/subject", bytes(31))),
    Malformed("membership without a node", "join", drop(f"{CANDIDATE}/node")),
    Malformed("rating above a million", "opinion", put(f"{CANDIDATE}/rating", 1_000_001)),
    Malformed("expert in upper case", "opinion", put(f"{CANDIDATE}/expert", "H2")),
    Malformed("opinion without a text", "opinion", drop(f"{CANDIDATE}/text")),
    Malformed("score above a million", "quality", put(f"{CANDIDATE}/reviews/0/1", 1_000_001)),
    Malformed("reviews unsorted", "quality", put(f"{CANDIDATE}/reviews", reverse)),
    Malformed("review of three fields", "quality", put(f"{CANDIDATE}/reviews/0", ["h2", 1, 1])),
    Malformed("quality without an owner", "quality", drop(f"{CANDIDATE}/owner")),
    # The seal
    Malformed("seal without votes", "accepted", drop("seal/votes")),
    Malformed("seal with another key", "accepted", put("seal/more", [])),
    Malformed("proposal with another key", "accepted", put("seal/proposal/more", 1)),
    Malformed("proposal of short digests", "accepted", put("seal/proposal/accepted", bytes(31))),
    Malformed("votes no list", "accepted", put("seal/votes", None)),
    Malformed(
        "1001 votes",
        "accepted",
        put("seal/votes", MANY_VOTES),
    ),
    Malformed("votes unsorted", "accepted", put("seal/votes", reverse)),
    Malformed("vote twice", "accepted", put("seal/votes", twice)),
    Malformed("vote that is no map", "accepted", put("seal/votes/0", ["h1", b"s"])),
    Malformed("vote with another key", "accepted", put("seal/votes/0/more", 1)),
    Malformed("plain vote that says so", "accepted", put("seal/votes/0/said", ["vote"])),
    Malformed("vote that says nothing", "accepted", put("seal/votes/0/said", [])),
    Malformed("vote that says null", "accepted", put("seal/votes/0/said", None)),
    Malformed("vote that says a text", "accepted", put("seal/votes/0/said", "confirm")),
    Malformed("vote that says a map", "accepted", put("seal/votes/0/said", {"confirm": 1})),
    Malformed("vote that says a number", "accepted", put("seal/votes/0/said", 1)),
    Malformed("vote of an unknown kind", "accepted", put("seal/votes/0/said", ["prepare", 1])),
    Malformed("vote of a kind of bytes", "accepted", put("seal/votes/0/said", [b"confirm", 1])),
    Malformed("confirm of no numbers", "accepted", put("seal/votes/0/said", ["confirm"])),
    Malformed("confirm of three", "accepted", put("seal/votes/0/said", ["confirm", 1, 1, 1])),
    Malformed("confirm of five", "accepted", put("seal/votes/0/said", ["confirm", *[1] * 5])),
    Malformed("externalize of one", "accepted", put("seal/votes/0/said", ["externalize", 1])),
    Malformed("commit of two views", "accepted", put("seal/votes/0/said", ["view-commit", 1, 2])),
    Malformed("commit of view -1", "accepted", put("seal/votes/0/said", ["view-commit", -1])),
    Malformed("commit of a huge view", "accepted", put("seal/votes/0/said", ["view-commit", HUGE])),
    Malformed("commit of view true", "accepted", put("seal/votes/0/said", ["view-commit", True])),
    Malformed("said by nobody", "accepted", both(SAID, drop("seal/votes/0/node"))),
    Malformed("said without a signature", "accepted", both(SAID, drop("seal/votes/0/signature"))),
    Malformed("said with another key", "accepted", both(SAID, put("seal/votes/0/more", 1))),
    Malformed("said and unsorted", "accepted", both(SAID, put("seal/votes", reverse))),
    Malformed("said by an attester", "accepted", put("seal/attestations/0/said", ["vote"])),
    Malformed("empty signature", "accepted", put("seal/votes/0/signature", b"")),
    Malformed("huge signature", "accepted", put("seal/votes/0/signature", bytes(8193))),
    Malformed("signature of text", "accepted", put("seal/votes/0/signature", "s" * 64)),
    Malformed("verdicts unsorted", "accepted", put("seal/verdicts", reverse)),
    Malformed("verdict twice", "accepted", put("seal/verdicts", twice)),
    Malformed("verdict that accepts with 1", "accepted", put("seal/verdicts/0/accept", 1)),
    Malformed("scores no map", "accepted", put("seal/verdicts/0/scores", [])),
    Malformed(
        "17 scores", "accepted", put("seal/verdicts/0/scores", {f"s{n:02}": n for n in range(17)})
    ),
    Malformed(
        "score below zero in a verdict", "accepted", put("seal/verdicts/0/scores/global", -1)
    ),
    Malformed("long name of a score", "accepted", put("seal/verdicts/0/scores", {LONG: 1})),
    Malformed("long reason of a verdict", "accepted", put("seal/verdicts/0/reason", LONG)),
    Malformed("attestation twice", "accepted", put("seal/attestations", twice)),
)
"""What a strict reader refuses."""

CHAIN: Sequence[Malformed] = (
    Malformed(
        "one key for two nodes",
        "genesis",
        lambda value: put("core/body/nodes/1/2", value["core"]["body"]["nodes"][0][2])(value),
        "BAD_GENESIS",
    ),
    Malformed(
        "one checkpoint key for two nodes",
        "genesis",
        lambda value: put("core/body/nodes/1/3", value["core"]["body"]["nodes"][0][3])(value),
        "BAD_GENESIS",
    ),
    Malformed(
        "one key for votes and checkpoints",
        "genesis",
        lambda value: put(
            "core/body/nodes/0",
            ["h1", "ML-DSA-44", *[value["core"]["body"]["nodes"][0][3]] * 2],
        )(value),
        "BAD_GENESIS",
    ),
    Malformed(
        "first record of another type",
        "genesis",
        both(
            put("core/type", "rejected"),
            put("core/body", {"candidate": None}),
            put("seal", {"proposal": None, "attestations": [], "verdicts": [], "votes": []}),
        ),
        "BAD_GENESIS",
    ),
    Malformed("genesis with a chain", "genesis", put("core/chain", bytes([1]) * 32), "BAD_GENESIS"),
    Malformed("genesis with a prev", "genesis", put("core/prev", bytes([1]) * 32), "BAD_GENESIS"),
    Malformed("genesis at height 1", "genesis", put("core/height", 1), "BAD_GENESIS"),
    Malformed("genesis in slot 1", "genesis", put("core/slot", 1), "BAD_GENESIS"),
    Malformed("genesis at another time", "genesis", put("core/time_us", 1), "BAD_GENESIS"),
    Malformed(
        "genesis with voters", "genesis", put("core/prev_voters", ["h1", "h2", "h3"]), "BAD_GENESIS"
    ),
    Malformed("genesis with a proposer", "genesis", put("core/proposer", "h1"), "BAD_GENESIS"),
    Malformed("proof that nobody asks for", "accepted", put(UPDATE, PROVEN), "BAD_NORM"),
    Malformed(
        "total that nobody asks for", "accepted", put(f"{CANDIDATE}/total", NOTHING), "BAD_NORM"
    ),
    Malformed("another height", "rejected", put("core/height", 3), "BAD_HEIGHT"),
    Malformed("another slot", "rejected", put("core/slot", 3), "BAD_SLOT"),
    Malformed("another chain", "rejected", put("core/chain", bytes(32)), "BAD_CHAIN"),
    Malformed("another prev", "rejected", put("core/prev", bytes(32)), "BAD_PREV"),
    Malformed("time runs back", "rejected", put("core/time_us", 1), "BAD_TIME"),
    Malformed("no previous voters", "rejected", put("core/prev_voters", []), "BAD_PREV_VOTERS"),
    Malformed(
        "too few previous voters",
        "rejected",
        put("core/prev_voters", ["h1", "h2"]),
        "BAD_PREV_VOTERS",
    ),
    Malformed(
        "unknown previous voter",
        "rejected",
        put("core/prev_voters", ["h1", "h2", "h3", "x"]),
        "BAD_PREV_VOTERS",
    ),
    Malformed(
        "voters of the genesis",
        "accepted",
        put("core/prev_voters", ["h1", "h2", "h3"]),
        "BAD_PREV_VOTERS",
    ),
    Malformed(
        "voters without a proposer",
        "rejected",
        both(put("core/proposer", None), put(CANDIDATE, None)),
        "BAD_PREV_VOTERS",
    ),
    Malformed("unknown proposer", "rejected", put("core/proposer", "x"), "BAD_PROPOSER"),
    Malformed("candidate of nobody", "accepted", put("core/proposer", None), "BAD_PROPOSER"),
    Malformed("proposer of nothing", "accepted", put(CANDIDATE, None), "BAD_PROPOSER"),
    Malformed(
        "nothing accepted",
        "accepted",
        both(put("core/proposer", None), put(CANDIDATE, None)),
        "BAD_TYPE",
    ),
    Malformed("model as the end", "accepted", put("core/type", "end"), "BAD_TYPE"),
    Malformed("opinion as evidence", "opinion", put("core/type", "evidence"), "BAD_TYPE"),
    Malformed("another base", "accepted", put(f"{CANDIDATE}/base", bytes(32)), "BAD_BASE"),
    Malformed("model of no updates", "accepted", put(f"{CANDIDATE}/updates", []), "BAD_AUTHOR"),
    Malformed(
        "update of a stranger", "accepted", put(f"{CANDIDATE}/updates/0/0", "x"), "BAD_AUTHOR"
    ),
    Malformed(
        "culprit unknown", "evidence", put(f"{CANDIDATE}/culprits", ["h2", "x"]), "BAD_AUTHOR"
    ),
    Malformed(
        "quarantine of a stranger",
        "leave",
        both(put(f"{CANDIDATE}/action", "quarantine"), put(f"{CANDIDATE}/node", "x")),
        "BAD_AUTHOR",
    ),
    Malformed("stranger leaves", "leave", put(f"{CANDIDATE}/node", "x"), "BAD_AUTHOR"),
    Malformed("stranger has an opinion", "opinion", put(f"{CANDIDATE}/expert", "x"), "BAD_AUTHOR"),
    Malformed("stranger owns data", "quality", put(f"{CANDIDATE}/owner", "x"), "BAD_AUTHOR"),
    Malformed("stranger reviews", "quality", put(f"{CANDIDATE}/reviews/1/0", "x"), "BAD_AUTHOR"),
    Malformed("end miscounts", "end", put(f"{CANDIDATE}/accepted_count", 2), "BAD_END"),
    Malformed("end of another model", "end", put(f"{CANDIDATE}/model", bytes(32)), "BAD_END"),
    Malformed("end of another height", "end", put(f"{CANDIDATE}/final_height", 9), "BAD_END"),
)
"""What fits the schema and not the chain."""
