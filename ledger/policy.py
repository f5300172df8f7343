"""Witness policies: which cosignatures are enough, in the text format of C2SP tlog-policy.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k|any|all> <member>...
    quorum <name|none>

A checkpoint is accepted when a listed log signed it (where logs are listed) and the witnesses that
cosigned it make the quorum. Names count inside the policy alone; signatures bear the name in the
vkey. Keys are ML-DSA-44, for logs too. A policy under which nobody has to sign accepts nothing: a
note without a verified signature is to be rejected (C2SP signed-note). Source: C2SP tlog-policy,
tlog-checkpoint.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Final

from consensus.quorum import two_thirds_of
from crypto.algorithm import Algorithm
from crypto.keys import PublicKey

from .checkpoint import (
    Checkpoint,
    CheckpointError,
    Cosignature,
    VerifierKey,
    cosigner_name,
    format_vkey,
    parse_vkey,
    shown,
    verify_cosignature,
)
from .errors import LedgerError
from .genesis import Genesis

POLICY_SIZE_MAX: Final = 8 * 1024 * 1024
"""Bytes of a policy."""
LINES_MAX: Final = 10_000
"""Lines of a policy."""
LOGS_MAX: Final = 1000
"""Logs of a policy; C2SP asks for at least 32 of each kind."""
WITNESSES_MAX: Final = 1000
"""Witnesses of a policy."""
GROUPS_MAX: Final = 1000
"""Groups of a policy."""

_NONE: Final = "none"
_DEFAULT_QUORUM: Final = "more-than-two-thirds"
_SPACE: Final = re.compile("[ \t]+")
# C2SP tlog-policy, character set: tab, newline, 0x20-0x7e, 0x80-0xff.
_FORBIDDEN: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_THRESHOLD: Final = re.compile(r"[1-9][0-9]{0,3}")
_NAMED_MAX: Final = 20


class PolicyError(LedgerError):
    """A text is no policy; the message names the line."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose checkpoints are accepted."""

    key: VerifierKey
    """Its key; the name is the origin of its checkpoints."""
    url: str = ""
    """Where it is reached, for people; empty where the policy does not say."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody whose cosignature counts."""

    name: str
    """What the policy calls it."""
    key: VerifierKey
    """Its key; the name is the one in its cosignatures."""
    url: str = ""
    """Where it is reached, for people; empty where the policy does not say."""


@dataclass(frozen=True, slots=True)
class Group:
    """Several of which some are enough."""

    name: str
    """What the policy calls it."""
    threshold: int
    """How many of the members have to witness."""
    members: tuple[str, ...]
    """Witnesses and groups of preceding lines, by name."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a checkpoint needs to be believed."""

    logs: tuple[Log, ...]
    """Whose checkpoints are accepted; of none, the reader knows the log from elsewhere."""
    witnesses: tuple[Witness, ...]
    """Whose cosignatures count."""
    groups: tuple[Group, ...]
    """In an order in which members come before their groups."""
    quorum: str | None
    """The witness or group that has to witness; None where no cosignature is needed."""


def default_policy(genesis: Genesis) -> Policy:
    """The policy of a coalition: more than two thirds of the witnesses of its genesis, any log."""
    witnesses = tuple(
        Witness(cosigner_name(node), VerifierKey(cosigner_name(node), key))
        for node, key in sorted(genesis.witnesses.items())
    )
    members = tuple(witness.name for witness in witnesses)
    threshold = two_thirds_of(genesis.witnesses).threshold
    return Policy((), witnesses, (Group(_DEFAULT_QUORUM, threshold, members),), _DEFAULT_QUORUM)


def check_policy(
    policy: Policy, checkpoint: Checkpoint, cosignatures: Iterable[Cosignature]
) -> None:
    """Check that a checkpoint is signed by a log and by as many witnesses as a policy asks for.

    Signatures of keys that the policy does not name are ignored; a false one of a key that it names
    is an error, whatever else there is.

    Raises:
        CheckpointError: It is not; the message says who is missing.
    """
    keys = _known_keys(policy)
    signed: set[VerifierKey] = set()
    for cosignature in cosignatures:
        key = keys.get((cosignature.name, cosignature.key_id))
        if key is not None:
            verify_cosignature(key.public_key, key.name, checkpoint, cosignature)
            signed.add(key)
    _check_log(policy, checkpoint, signed)
    present = frozenset(each.name for each in policy.witnesses if each.key in signed)
    if not is_quorum(policy, present):
        asked = sorted(witnesses_of(policy))
        raise CheckpointError(
            f"cosignatures that make the quorum {shown(policy.quorum or _NONE)}",
            f"those of {_listed(each for each in asked if each in present)}; "
            f"missing are {_listed(each for each in asked if each not in present)}",
        )
    if not signed:
        raise CheckpointError("a signature by a key that the policy names", "none")


def is_quorum(policy: Policy, witnesses: Set[str]) -> bool:
    """Whether cosignatures of these witnesses, by their names in the policy, are enough."""
    witnessing = set(witnesses)
    for group in policy.groups:
        if sum(member in witnessing for member in group.members) >= group.threshold:
            witnessing.add(group.name)
    return policy.quorum is None or policy.quorum in witnessing


def witnesses_of(policy: Policy) -> frozenset[str]:
    """The witnesses that can contribute to the quorum, by their names in the policy."""
    wanted = {policy.quorum}
    for group in reversed(policy.groups):
        if group.name in wanted:
            wanted.update(group.members)
    return frozenset(each.name for each in policy.witnesses if each.name in wanted)


def format_policy(policy: Policy) -> bytes:
    """The text of a policy: logs, witnesses, groups, the quorum."""
    lines = [
        *(("log", format_vkey(each.key), each.url) for each in policy.logs),
        *(("witness", each.name, format_vkey(each.key), each.url) for each in policy.witnesses),
        *(("group", each.name, str(each.threshold), *each.members) for each in policy.groups),
        ("quorum", policy.quorum or _NONE),
    ]
    text = "".join(f"{' '.join(filter(None, line))}\n" for line in lines)
    return text.encode(errors="surrogateescape")


def parse_policy(data: bytes) -> Policy:
    """Read the text of a policy.

    Raises:
        PolicyError: It is none or exceeds a limit; the message names the line.
    """
    count = data.count(b"\n")
    if len(data) > POLICY_SIZE_MAX or count > LINES_MAX:
        raise PolicyError(
            f"expected a policy of at most {LINES_MAX} lines and {POLICY_SIZE_MAX} bytes, "
            f"found {count} lines and {len(data)} bytes"
        )
    draft = _Draft()
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            _read_line(draft, line)
        except (_LineError, CheckpointError) as error:
            raise PolicyError(f"line {number}: {error}") from None
    if rest:
        raise PolicyError(f"line {len(lines) + 1}: expected a newline at its end, found none")
    if not draft.has_quorum:
        raise PolicyError(f"line {len(lines) + 1}: expected a quorum line before the end")
    return Policy(tuple(draft.logs), tuple(draft.witnesses), tuple(draft.groups), draft.quorum)


class _LineError(Exception):
    """What is wrong with a line: expected and found."""

    def __str__(self) -> str:
        return f"expected {self.args[0]}, found {self.args[1]}"


@dataclass(slots=True)
class _Draft:
    """The policy of the lines read so far."""

    logs: list[Log] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    has_quorum: bool = False
    names: set[str] = field(default_factory=set)
    """Witnesses and groups, which share their names."""
    members: set[str] = field(default_factory=set)
    """Who is in a group."""
    log_keys: set[PublicKey] = field(default_factory=set)
    witness_keys: set[PublicKey] = field(default_factory=set)
    signers: dict[tuple[str, bytes], PublicKey] = field(default_factory=dict)
    """The key that a name and key id in a signature line stand for."""


def _read_line(draft: _Draft, line: bytes) -> None:
    forbidden = _FORBIDDEN.search(line)
    if forbidden is not None:
        raise _LineError("no control character but tab", f"byte 0x{forbidden[0].hex()}")
    # Octets that are no UTF-8 are opaque and allowed: each becomes a code point of its own.
    text = line.decode(errors="surrogateescape").strip(" \t")
    if not text or text.startswith("#"):
        return
    keyword, *items = _SPACE.split(text)
    read = _READERS.get(keyword)
    if read is None:
        raise _LineError(f"one of {', '.join(_READERS)}", shown(keyword))
    read(draft, items)


def _read_log(draft: _Draft, items: list[str]) -> None:
    _check_items(items, 1, 2, "log <vkey> [<url>]")
    _check_room(draft.logs, LOGS_MAX, "logs")
    key = _read_key(draft, items[0], draft.log_keys, "log")
    draft.logs.append(Log(key, *items[1:]))


def _read_witness(draft: _Draft, items: list[str]) -> None:
    _check_items(items, 2, 3, "witness <name> <vkey> [<url>]")
    _check_room(draft.witnesses, WITNESSES_MAX, "witnesses")
    name = _define(draft, items[0])
    key = _read_key(draft, items[1], draft.witness_keys, "witness")
    draft.witnesses.append(Witness(name, key, *items[2:]))


def _read_group(draft: _Draft, items: list[str]) -> None:
    _check_items(items, 3, 2 + WITNESSES_MAX + GROUPS_MAX, "group <name> <k|any|all> <member>...")
    _check_room(draft.groups, GROUPS_MAX, "groups")
    name, threshold, *members = items
    for member in members:
        if member not in draft.names:
            raise _LineError("members defined on preceding lines", shown(member))
        if member in draft.members:
            raise _LineError("each name as a member once", f"{shown(member)} again")
        draft.members.add(member)
    # Defined after its members are read: a group is no member of itself.
    group = Group(_define(draft, name), _read_threshold(threshold, len(members)), tuple(members))
    draft.groups.append(group)


def _read_quorum(draft: _Draft, items: list[str]) -> None:
    _check_items(items, 1, 1, "quorum <name|none>")
    if draft.has_quorum:
        raise _LineError("one quorum line", "another")
    (name,) = items
    if name != _NONE and name not in draft.names:
        raise _LineError("a witness or group of a preceding line, or none", shown(name))
    draft.quorum = None if name == _NONE else name
    draft.has_quorum = True


_READERS: Final[Mapping[str, Callable[[_Draft, list[str]], None]]] = {
    "log": _read_log,
    "witness": _read_witness,
    "group": _read_group,
    "quorum": _read_quorum,
}


def _read_threshold(text: str, count: int) -> int:
    if text in ("any", "all"):
        return 1 if text == "any" else count
    if _THRESHOLD.fullmatch(text) is None or int(text) > count:
        raise _LineError(f"any, all or a threshold of 1 to {count}", shown(text))
    return int(text)


def _define(draft: _Draft, name: str) -> str:
    if name == _NONE or name in draft.names:
        raise _LineError("a name that is not taken", shown(name))
    draft.names.add(name)
    return name


def _read_key(draft: _Draft, text: str, taken: set[PublicKey], what: str) -> VerifierKey:
    key = parse_vkey(text)
    if key.public_key.algorithm is not Algorithm.ML_DSA_44:
        raise _LineError(f"an {Algorithm.ML_DSA_44} key", str(key.public_key))
    if key.public_key in taken:
        raise _LineError(f"each {what} key once", f"the {key.public_key} again")
    taken.add(key.public_key)
    # Somebody can search for a second key with the name and the 4-byte id of a first one.
    if draft.signers.setdefault((key.name, key.key_id), key.public_key) != key.public_key:
        raise _LineError("one key for a name and key id", f"two for {shown(key.name)}")
    return key


def _check_items(items: list[str], least: int, most: int, form: str) -> None:
    if not least <= len(items) <= most:
        raise _LineError(form, f"{len(items)} items after the keyword")


def _check_room(defined: list[Log] | list[Witness] | list[Group], most: int, what: str) -> None:
    if len(defined) >= most:
        raise _LineError(f"at most {most} {what}", "more")


def _known_keys(policy: Policy) -> dict[tuple[str, bytes], VerifierKey]:
    keys = [each.key for each in policy.logs] + [each.key for each in policy.witnesses]
    return {(key.name, key.key_id): key for key in keys}


def _check_log(policy: Policy, checkpoint: Checkpoint, signed: Set[VerifierKey]) -> None:
    """C2SP tlog-policy: signed by any one of the listed logs, whose key bears the origin's name."""
    if not policy.logs:
        return
    listed = [each.key for each in policy.logs if each.key.name == checkpoint.origin]
    if not listed:
        origins = _listed(each.key.name for each in policy.logs)
        raise CheckpointError(f"a checkpoint of {origins}", f"one of {shown(checkpoint.origin)}")
    if signed.isdisjoint(listed):
        raise CheckpointError(f"a signature by the log {shown(checkpoint.origin)}", "none")


def _listed(names: Iterable[str]) -> str:
    listed = list(map(shown, names))
    more = f" and {len(listed) - _NAMED_MAX} more" if len(listed) > _NAMED_MAX else ""
    return (", ".join(listed[:_NAMED_MAX]) or "nobody") + more
