"""Anchors: what is kept of a run outside of it, so that a rewrite or a cut of the run is seen.

An anchor names, for each replica, the size of its Merkle log, the root, the head of its chain and
the cosigned note of that checkpoint. Whoever holds one can tell later whether the replica has only
grown since. It says nothing of what came before it. The file is JSON:

    {"format": "tclearn-anchor/v1", "chain_id": hex,
     "replicas": [{"replica", "size", "root": hex, "chain_head": hex, "note"}, ...]}

with the replicas sorted, each once. Whether the signatures of a note are enough is for
`ledger.policy` to say. Source: docs/ledger-format.md.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from crypto.digest import DIGEST_SIZE, Digest
from crypto.merkle import LEAVES_MAX

from .checkpoint import Checkpoint, CheckpointError, Note, format_note, log_origin, parse_note
from .errors import LedgerError, Violation

ANCHOR_SIZE_MAX: Final = 64 * 1024 * 1024
"""Bytes of an anchor."""
REPLICAS_MAX: Final = 1000
"""Replicas of an anchor."""

_FORMAT: Final = "tclearn-anchor/v1"
_ANCHOR_KEYS: Final = ("format", "chain_id", "replicas")
_REPLICA_KEYS: Final = ("replica", "size", "root", "chain_head", "note")
_REPLICA: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_HEX: Final = re.compile(rf"[0-9a-f]{{{2 * DIGEST_SIZE}}}")
_SHOWN_MAX: Final = 80
_INSTANCE: Final = "."
"""Comes after the node in the name of a folder; replicas of one node share the name of its log."""


class AnchorError(LedgerError):
    """A file is no anchor; the message says in one sentence why."""


@dataclass(frozen=True, slots=True)
class AnchoredReplica:
    """What was seen of one replica."""

    replica: str
    """The name of its folder."""
    size: int
    """How many records it had."""
    root: Digest
    """The root of the Merkle log over them."""
    chain_head: Digest
    """The core hash of the last of them."""
    note: Note
    """The checkpoint of that log, with its signatures."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What was seen of a run."""

    chain_id: Digest
    """The core hash of its genesis block."""
    replicas: tuple[AnchoredReplica, ...]
    """Its replicas, sorted by name."""


def check_note(anchored: AnchoredReplica) -> None:
    """Check that the note of an anchored replica is of the checkpoint that the anchor states.

    Raises:
        Violation: ``ANCHOR_MALFORMED``.
    """
    stated = Checkpoint(anchored.note.checkpoint.origin, anchored.size, anchored.root)
    if stated != anchored.note.checkpoint:
        found = _described(anchored.note.checkpoint)
        raise Violation("ANCHOR_MALFORMED", _described(stated), found)


def format_anchor(anchor: Anchor) -> bytes:
    """The bytes of an anchor: the same for the same anchor, whatever the order of its replicas.

    Raises:
        AnchorError: They could not be read again.
    """
    value = {
        "format": _FORMAT,
        "chain_id": anchor.chain_id.hex(),
        "replicas": [
            {
                "replica": each.replica,
                "size": each.size,
                "root": each.root.hex(),
                "chain_head": each.chain_head.hex(),
                "note": format_note(each.note).decode(),
            }
            for each in sorted(anchor.replicas, key=lambda each: each.replica)
        ],
    }
    data = (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
    parse_anchor(data)
    return data


def parse_anchor(data: bytes) -> Anchor:
    """Read an anchor; no signature is verified and no size or root compared.

    Raises:
        AnchorError: It is none, exceeds a limit, or has a note for another log.
    """
    top = _map(_load(data), "the anchor", _ANCHOR_KEYS)
    if top["format"] != _FORMAT:
        raise _wrong(f"the format {_FORMAT}", top["format"])
    chain_id = _digest(top["chain_id"], "chain_id")
    listed = top["replicas"]
    if type(listed) is not list or not 1 <= len(listed) <= REPLICAS_MAX:
        raise _wrong(f"a list of 1 to {REPLICAS_MAX} replicas", listed)
    replicas = tuple(_read_replica(each, chain_id) for each in listed)
    names = [each.replica for each in replicas]
    if names != sorted(set(names)):
        raise _wrong("replicas sorted by name, each once", ", ".join(names))
    return Anchor(chain_id, replicas)


def _read_replica(value: Any, chain_id: Digest) -> AnchoredReplica:
    entry = _map(value, "a replica", _REPLICA_KEYS)
    name, size = entry["replica"], entry["size"]
    if type(name) is not str or _REPLICA.fullmatch(name) is None:
        raise _wrong("the name of a replica", name)
    if type(size) is not int or not 1 <= size <= LEAVES_MAX:
        raise _wrong(f"a size of {name} of 1 to {LEAVES_MAX}", size)
    note = _note(entry["note"], name)
    origin = log_origin(chain_id, name.partition(_INSTANCE)[0])
    if note.checkpoint.origin != origin:
        raise _wrong(f"a note of the log {origin}", note.checkpoint.origin)
    root = _digest(entry["root"], f"the root of {name}")
    chain_head = _digest(entry["chain_head"], f"the chain_head of {name}")
    return AnchoredReplica(name, size, root, chain_head, note)


def _note(value: Any, name: str) -> Note:
    if type(value) is not str:
        raise _wrong(f"the text of a note of {name}", value)
    try:
        return parse_note(value.encode())
    except UnicodeEncodeError:
        raise AnchorError(f"the note of {name}: expected Unicode, found a surrogate") from None
    except CheckpointError as error:
        raise AnchorError(f"the note of {name}: {error}") from None


def _load(data: bytes) -> Any:
    """Decode JSON in UTF-8, without repeated keys."""
    if len(data) > ANCHOR_SIZE_MAX:
        raise AnchorError(f"expected at most {ANCHOR_SIZE_MAX} bytes, found {len(data)}")
    try:
        return json.loads(data.decode(), object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        raise AnchorError(f"expected an anchor in JSON, found none: {error}") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong("each key once", ", ".join(key for key, _ in pairs))
    return found


def _map(value: Any, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if type(value) is not dict or value.keys() != set(keys):
        found = ", ".join(value) if type(value) is dict else value
        raise _wrong(f"a map with the keys {', '.join(keys)} as {where}", found)
    return value


def _digest(value: Any, where: str) -> Digest:
    if type(value) is not str or _HEX.fullmatch(value) is None:
        raise _wrong(f"{2 * DIGEST_SIZE} lower-case hexadecimal digits as {where}", value)
    return Digest(bytes.fromhex(value))


def _described(checkpoint: Checkpoint) -> str:
    return f"root {checkpoint.root.hex()} at size {checkpoint.size}"


def _wrong(expected: str, found: Any) -> AnchorError:
    return AnchorError(f"expected {expected}, found {_shown(found)}")


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN_MAX] if isinstance(value, str | int | float) else _kind(value)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
