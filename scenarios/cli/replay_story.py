"""What a hospital knew and decided, as text: a line for each earlier slot, the last one in full."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from .output import console, percent, quoted

if TYPE_CHECKING:
    from ..replay.telling import Moment, Telling
    from ..replay.traces import TraceComparison
    from ..simulation.trace import Word

HEAD_COUNT = 40
"""Moments of a slot that are shown from its beginning, where it has more than can be shown."""
TAIL_COUNT = 80
"""And to its end."""
SLOTS_MAX = 60
"""Slots that get a line each; of more, the last ones."""

_SCORES = {"global": "G", "local": "L"}


def print_story(telling: "Telling", trace: "TraceComparison | None") -> None:
    """Print what was kept of a replay, bounded; say what was left out and how to see it."""
    out = console()
    slots = [(slot, list(each)) for slot, each in groupby(_in_order(telling), lambda m: m.slot)]
    parted = None if trace is None or trace.parting is None else trace.parting.line
    single = len(telling.instances) == 1
    who = next(iter(telling.instances)) if single else "every hospital"
    up_to = "" if telling.until is None else f", up to slot {telling.until}"
    out.print(f"[bold]what {quoted(who)} knew and decided[/]{up_to}; times are simulated\n")
    full = slots[-1:] if telling.until is not None else []
    earlier = slots[: len(slots) - len(full)]
    if len(earlier) > SLOTS_MAX:
        out.print(f"… {len(earlier) - SLOTS_MAX} earlier slots left out: see --json")
    for slot, moments in earlier[-SLOTS_MAX:]:
        out.print(_summary(slot, moments, telling, single=single))
    for slot, moments in full:
        out.print(f"slot {slot} in full" if single else f"slot {slot}, what matters of it")
        for line in _bounded(moments, parted, single=single):
            out.print(line)
    if telling.until is None:
        out.print("\none slot in full: --until SLOT; everything: --json")
    elif slots and slots[-1][0] < telling.until:
        out.print(f"\nslot {telling.until} was never opened: the run ends before it")
    out.print()


def _in_order(telling: "Telling") -> "list[Moment]":
    """By slot, where more than one hospital is told of; of one hospital, as it happened."""
    return sorted(telling.moments, key=lambda moment: moment.slot)


def _bounded(moments: "list[Moment]", parted: int | None, *, single: bool) -> Iterator[str]:
    hidden = len(moments) - HEAD_COUNT - TAIL_COUNT
    yield from _lines(moments if hidden <= 0 else moments[:HEAD_COUNT], parted, single=single)
    if hidden > 0:
        yield f"  … {hidden} moments left out: see --json"
        yield from _lines(moments[-TAIL_COUNT:], parted, single=single)


def _lines(moments: "Iterable[Moment]", parted: int | None, *, single: bool) -> Iterator[str]:
    for moment in moments:
        who = "" if single else f"{quoted(moment.at):<14}"
        time = f"{moment.time_us / 1_000_000:11.6f} s"
        line = f"  {time}  {who}{moment.kind:<14}  {quoted(said(moment))}"
        if moment.kind in ("arrives", "sends", "stops timer", "sets timer"):
            line = f"[dim]{line}[/]"
        elif moment.kind in ("judges", "decides", "appends"):
            line = f"[bold]{line}[/]"
        differs = parted is not None and moment.line is not None and moment.line >= parted
        yield f"{line}  [red](not what the trace recorded)[/]" if differs else line


def _summary(slot: int, moments: "list[Moment]", telling: "Telling", *, single: bool) -> str:
    """One slot in one line: what was judged, decided and appended, and how much was heard."""
    start, end = (f"{each.time_us / 1_000_000:.3f}" for each in (moments[0], moments[-1]))
    counts: dict[str, int] = {}
    for moment in moments:
        counts[moment.kind] = counts.get(moment.kind, 0) + 1
    parts = []
    if single:
        parts = [f"judges {_statement(m.words, brief=True)}" for m in moments if m.kind == "judges"]
        parts += [f"appends {said(m)}" for m in moments if m.kind == "appends"]
        parts += [
            f"{counts[kind]} times {kind}" for kind in ("refuses", "accuses") if kind in counts
        ]
        parts += [f"heard {counts.get('hears', 0)}, said {counts.get('says', 0)} statements"]
    else:
        accepted = sum(m.kind == "judges" and m.words.get("accept") is True for m in moments)
        parts = [f"{accepted} of {counts.get('judges', 0)} judge it good"]
        parts += [f"{counts.get('appends', 0)} of {len(telling.instances)} append"]
        parts += [
            f"{counts[kind]} times {kind}" for kind in ("refuses", "accuses") if kind in counts
        ]
    return quoted(f"slot {slot:>3}  {start} to {end} s  {'; '.join(parts)}")


def said(moment: "Moment") -> str:
    """What a moment says beside its kind."""
    words = moment.words
    match moment.kind:
        case "opens":
            return f"slot {words['slot']}, led by {words['leader']}"
        case "arrives":
            sender = "" if words["from"] == words["by"] else f" from {words['from']}"
            return f"{words['kind']} of {words['by']}{sender}, slot {words['slot']}"
        case "sends":
            return f"{words['kind']}, {words['bytes']} bytes to each peer"
        case "hears":
            return f"{words['kind']} of {words['by']}{_of_slot(moment)}: {_statement(words)}"
        case "says":
            return f"{words['kind']}: {_statement(words)}"
        case "judges":
            return _statement(words)
        case "sets timer":
            return f"{words['timer']}, in {_seconds(words['delay_us'])}"
        case "timer ends" | "stops timer":
            return str(words["timer"])
        case "appends":
            return f"{words['type']} at height {words['height']}, core {words['core']}"
        case "refuses":
            return f"{words['from']}: {words['reason']}"
        case "decides":
            return f"value {words['value']}"
        case _:
            return ", ".join(f"{name} {value}" for name, value in words.items())


def _of_slot(moment: "Moment") -> str:
    slot = moment.words.get("slot")
    return "" if slot == moment.slot else f" (slot {slot})"


def _statement(words: "Mapping[str, Word]", *, brief: bool = False) -> str:
    """What a statement says, without who, which kind and where; in brief, of what, too."""
    parts = []
    if "accept" in words:
        parts.append(f"{'accept' if words['accept'] else 'reject'} ({words['reason']})")
    for name, value in words.items():
        if name in _SCORES and isinstance(value, int):
            parts.append(f"{_SCORES[name]} {percent(value)}")
        elif name in ("says", "value", "candidate") and not brief:
            parts.append(str(value) if name == "says" else f"{name} {value}")
    return ", ".join(parts)


def _seconds(value: "Word") -> str:
    return f"{int(value or 0) / 1_000_000:g} s"
