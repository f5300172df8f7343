"""The report of a run: what it left, put into charts, tables and words."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from crypto.errors import CryptoError
from ledger.errors import LedgerError

from ..adversaries import expanded
from ..errors import SimulationError
from ..results.errors import ReportError
from ..results.run import RunResults
from ..schema import Scenario
from .animation import AnimationPart, gather
from .chart import Cell, Table
from .ledger_part import LedgerPart, read_ledger
from .page_parts import Absent, Page, Part, Section, Verdict
from .palette import Role
from .run_charts import judgement_charts, learning_charts, traffic_charts
from .security_charts import security_parts
from .trust_chart import quorum_set_table, trust_chart
from .words import percent, plural, seconds

MARKS: dict[str, tuple[str, Role]] = {
    "held": ("✓ held", "accepted"),
    "violated": ("✕ violated", "rejected"),
    "undecided": ("? undecided", "undecided"),
}
"""Status to what is written, and its colour."""


def run_page(
    run: RunResults, asked: Sequence[int] = (), progress: Callable[[str], None] = lambda _: None
) -> Page:
    """Lay out the report of a run.

    Args:
        run: The run.
        asked: Slots whose messages are wanted in any case.
        progress: Called with what is being done.

    Raises:
        ReportError: When a file of the run is damaged, or there is no such slot.
    """
    scenario, summary = run.scenario, run.summary
    progress("reading the ledger")
    ledger = read_ledger(run.path, scenario)
    progress("reading the trace")
    played = _animation(run, ledger, asked)
    progress("auditing the ledgers")
    security = _or_absent("The radar of six dimensions", lambda: security_parts(run))
    faults = _faults(scenario)
    sections = (
        Section(
            "invariants",
            "Invariants",
            "What was checked from outside the hospitals, beside what the author of the scenario "
            "expects.",
            (_invariants(run),),
        ),
        Section(
            "learning",
            "Learning",
            "The candidate of each round, measured on the validation set G that everybody knows.",
            tuple(_or_absent("Accuracy and loss per round", lambda: learning_charts(run))),
            frozenset({"accuracy", "loss"}),
        ),
        Section(
            "judgement",
            "Judgement",
            "Every hospital judges every candidate: on G, and on patients of its own that nobody "
            "else sees (L).",
            tuple(_or_absent("Scores and votes", lambda: judgement_charts(run))),
            frozenset({"scores-global", "scores-local"}),
        ),
        Section(
            "cost",
            "Time and traffic",
            "Simulated time, and bytes that messages really have.",
            tuple(_or_absent("Latency, messages and costs", lambda: traffic_charts(run))),
            frozenset({"latency", "bytes-between"}),
        ),
        Section(
            "security",
            "Six dimensions, seven principles",
            "Computed from this run and its audit; each value says how. A reading, not a proof.",
            tuple(security),
        ),
        Section(
            "trust",
            "Trust",
            "Whom each hospital waits for before it believes that the coalition has decided.",
            (trust_chart(scenario, faults, ledger, summary), quorum_set_table(scenario)),
        ),
        Section(
            "messages",
            "Messages and votes",
            "One slot as it happened: play it, or go through it step by step.",
            (played,),
        ),
        Section(
            "ledger",
            "Ledger",
            "The blocks of one replica. This page holds the very bytes that were hashed, hashes "
            "them again, and shows what they say. It checks no signatures: tclearn audit does.",
            (
                Absent("The ledger", "no replica of this run holds a block that can be read")
                if ledger is None
                else ledger,
            ),
        ),
    )
    return Page(
        "tclearn · report of a run",
        scenario.name,
        scenario.description,
        _verdict(run),
        tuple(_run_facts(run)),
        sections,
        tuple(_repeat(run)),
    )


def _or_absent(what: str, make: Callable[[], Iterator[Part]]) -> list[Part]:
    """What can be made, up to the first table that is not there."""
    parts: list[Part] = []
    try:
        for part in make():
            parts.append(part)  # noqa: PERF402 (those before an error are kept)
    except (ReportError, LedgerError, CryptoError, SimulationError) as error:
        parts.append(Absent(what, str(error)))
    return parts


def _verdict(run: RunResults) -> Verdict:
    summary = run.summary
    if run.status == "failed":
        return Verdict("bad", "The run failed", str(summary.get("reason", "")))
    if run.status == "running":
        return Verdict(
            "unsure",
            "The run did not come to an end",
            "It is still going on, or it was killed; what it recorded until now is below.",
        )
    verdicts = list(_verdicts(run))
    unexpected = [
        f"{name} {each['verdict']} ({each['reason']})"
        for name, each in verdicts
        if each["verdict"] != each["expected"]
    ]
    if run.status == "interrupted":
        return Verdict(
            "unsure",
            "The run was interrupted",
            "A signal stopped it before its end; what it recorded until then is below.",
        )
    if not unexpected:
        broken = [name for name, each in verdicts if each["verdict"] != "held"]
        held = plural(len(verdicts) - len(broken), "invariant")
        if not broken:
            return Verdict("good", "As expected", f"All {held} held.")
        others = f"{', '.join(broken)} did not, as the author of the scenario expects"
        return Verdict("good", "As expected", f"{held} held; {others}.")
    return Verdict("bad", "Not as expected", "; ".join(unexpected) + ".")


def _verdicts(run: RunResults) -> Iterator[tuple[str, dict[str, str]]]:
    """Name, and verdict, expectation and reason of each invariant that the run speaks of."""
    found = run.summary.get("verdicts")
    for name, each in found.items() if isinstance(found, dict) else ():
        if isinstance(each, dict):
            keys = ("verdict", "expected", "reason")
            yield str(name), {key: str(each.get(key, "")) for key in keys}


def _invariants(run: RunResults) -> Part:
    rows = []
    for name, each in _verdicts(run):
        words, role = MARKS.get(each["verdict"], (each["verdict"], None))
        as_expected = each["verdict"] == each["expected"]
        rows.append(
            (
                Cell(name),
                Cell(words, role),
                Cell(each["expected"], None if as_expected else "rejected"),
                Cell(each["reason"]),
            )
        )
    if not rows:
        return Absent("The invariants", f"the run is {run.status}: they are told when it stops")
    columns = ("invariant", "verdict", "expected", "why")
    return Table("invariants", "", "", columns, tuple(rows))


def _run_facts(run: RunResults) -> Iterator[tuple[str, str]]:
    scenario, summary = run.scenario, run.summary
    yield "hospitals", str(len(scenario.hospitals))
    yield "protocol", f"{scenario.protocol.name}, {_rule(scenario)}"
    yield "scheme", scenario.training.scheme
    accepted, rejected = summary.get("accepted"), summary.get("rejected")
    if isinstance(accepted, int) and isinstance(rejected, int):
        yield "models", f"{accepted} accepted, {rejected} rejected"
    score = summary.get("global_score")
    if isinstance(score, dict) and {"first", "final"} <= score.keys():
        yield "score on G", f"{percent(score['first'])} → {percent(score['final'])}"
    if isinstance(summary.get("simulated_us"), int):
        yield "simulated time", seconds(summary["simulated_us"])
    accused = summary.get("accused")
    if isinstance(accused, dict) and accused:
        yield "caught in lies", ", ".join(map(str, accused))
    yield "signatures", scenario.signature
    yield "seed", str(summary.get("seed", scenario.seed))


def _rule(scenario: Scenario) -> str:
    return "one decides" if scenario.protocol.name == "authority" else scenario.protocol.rule


def _repeat(run: RunResults) -> Iterator[tuple[str, str]]:
    summary = run.summary
    for key in ("repeat", "started", "chain_id", "chain_head", "trace_digest"):
        if isinstance(summary.get(key), str):
            yield key.replace("_", " "), summary[key]
    environment = summary.get("environment")
    if isinstance(environment, dict):
        yield "versions", ", ".join(f"{name} {each}" for name, each in environment.items())
    yield "audit", f"tclearn audit {run.path}"


def _faults(scenario: Scenario) -> Scenario:
    """The scenario with its splits carried out, where they can be planned."""
    try:
        return expanded(scenario)
    except SimulationError:
        return scenario


def _animation(run: RunResults, ledger: LedgerPart | None, asked: Sequence[int]) -> Part:
    scenario = _faults(run.scenario)
    special = dict(_special(run, ledger))
    try:
        found = gather(run.events(), scenario.instances, special, asked)
    except ReportError as error:
        if asked:
            raise
        return Absent("The messages", str(error))
    return found or Absent("The messages", "the trace of this run names no slot")


def _special(run: RunResults, ledger: LedgerPart | None) -> Iterator[tuple[int, str]]:
    """Slots that are worth a look, the most interesting first, and why."""
    blocks = () if ledger is None else tuple(each.block.core for each in ledger.blocks[1:])
    for name, each in _times(run):
        slot = next((core.slot for core in blocks if core.time_us >= each), None)
        if slot is not None:
            yield slot, f"{name} violated"
    yield 1, "the first"
    types: dict[str, int] = {}
    for core in blocks:
        kind = core.type.value
        if kind not in ("accepted",) and types.setdefault(kind, 0) < SPECIAL_MAX:
            types[kind] += 1
            yield core.slot, kind
    if blocks:
        yield blocks[-1].slot, blocks[-1].type.value


SPECIAL_MAX = 200
"""The most slots of one type of record that come first."""


def _times(run: RunResults) -> Iterator[tuple[str, int]]:
    """Which invariants were violated, and when."""
    found: Any = run.summary.get("verdicts")
    for name, each in found.items() if isinstance(found, dict) else ():
        if isinstance(each, dict) and isinstance(each.get("time_us"), int):
            yield str(name), each["time_us"]


__all__ = ["AnimationPart", "run_page"]
