"""Charts of a run's tables: what was learned, how it was judged, what it took."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from ..results.run import RunResults
from .chart import Axis, BarChart, Bars, HeatMap, Line, LineChart
from .page_parts import Part
from .palette import Role, series
from .words import duration, percent, plural, size

if TYPE_CHECKING:
    import pandas as pd

_MILLION = 1_000_000
_TYPES: dict[str, tuple[str, Role]] = {
    "accepted": ("accepted", "accepted"),
    "rejected": ("rejected", "rejected"),
}


def learning_charts(run: RunResults) -> Iterator[Part]:
    """Accuracy and loss on G per round.

    Raises:
        ReportError: When the table of rounds is missing or damaged.
    """
    rounds = run.rounds
    rounds = rounds[rounds["type"].isin(list(_TYPES))]
    yield _accuracy(run, rounds)
    if rounds["global_loss"].notna().any():
        yield _loss(rounds)


def _accuracy(run: RunResults, rounds: "pd.DataFrame") -> LineChart:
    lines = [_in_force(run, rounds)]
    for kind, (name, role) in _TYPES.items():
        chosen = rounds[(rounds["type"] == kind) & rounds["global_score"].notna()]
        lines.append(
            Line(
                f"candidate {name}",
                tuple(int(each) for each in chosen["height"]),
                tuple(int(each) / _MILLION for each in chosen["global_score"]),
                role,
                "points",
                "circle" if kind == "accepted" else "cross",
                notes=tuple(
                    f"round {row.height}: {percent(row.global_score)}, {name}\n"
                    f"proposed by {row.proposer}, {row.accept_count} for, "
                    f"{row.reject_count} against"
                    for row in _rows(chosen)
                ),
            )
        )
    return LineChart(
        "accuracy",
        "Accuracy on G",
        "Each candidate's score, and the model that was in force after the round. G is a "
        f"validation set; the score is {run.scenario.validation.score}.",
        Axis("round", whole=True),
        Axis("score on G", high=None, percent=True),
        tuple(line for line in lines if line.x),
    )


def _in_force(run: RunResults, rounds: "pd.DataFrame") -> Line:
    """The score of the accepted model after each round, from the first model on."""
    score = run.summary.get("global_score")
    now = score.get("first") if isinstance(score, dict) else None
    now = now if isinstance(now, int) else None
    x, y = [0], [None if now is None else now / _MILLION]
    for row in _rows(rounds):
        if row.type == "accepted":
            now = int(row.global_score)
        x.append(int(row.height))
        y.append(None if now is None else now / _MILLION)
    return Line("model in force", tuple(x), tuple(y), "global", "steps")


def _loss(rounds: "pd.DataFrame") -> LineChart:
    lines = []
    for kind, (name, role) in _TYPES.items():
        chosen = rounds[(rounds["type"] == kind) & rounds["global_loss"].notna()]
        losses = [float(each) for each in chosen["global_loss"]]
        lines.append(
            Line(
                f"candidate {name}",
                tuple(int(each) for each in chosen["height"]),
                tuple(math.log10(each) if 0 < each < math.inf else None for each in losses),
                role,
                "line+points" if kind == "accepted" else "points",
                "circle" if kind == "accepted" else "cross",
                notes=tuple(
                    f"round {height}: loss {loss:.4g}, {name}"
                    for height, loss in zip(chosen["height"], losses, strict=True)
                ),
            )
        )
    return LineChart(
        "loss",
        "Loss on G",
        "Cross entropy of each candidate, as its decimal logarithm; a loss without end is a gap.",
        Axis("round", whole=True),
        Axis("log₁₀ of the loss"),
        tuple(line for line in lines if line.x),
    )


def judgement_charts(run: RunResults) -> Iterator[Part]:
    """Scores by hospital and round on G and on L, and votes by round.

    Raises:
        ReportError: When a table is missing or damaged.
    """
    refused = {
        (int(row.slot), str(row.hospital)): str(row.reason)
        for row in _rows(run.verdicts)
        if not row.accept
    }
    for on, letter in (("global", "G"), ("local", "L")):
        chart = _scores(run, "global" if on == "global" else "local", letter, refused)
        if chart is not None:
            yield chart
    yield _votes(run)


def _scores(
    run: RunResults,
    on: Literal["global", "local"],
    letter: str,
    refused: dict[tuple[int, str], str],
) -> HeatMap | None:
    table = run.scores(on)
    if table.empty or not table.notna().any(axis=None):
        return None
    slots = [int(each) for each in table.index]
    hospitals = _in_order(run, map(str, table.columns))
    values = [
        [None if each is None else each / _MILLION for each in _whole(table[hospital])]
        for hospital in hospitals
    ]
    known = [each for row in values for each in row if each is not None]
    whose = "the set that all know" if on == "global" else "each hospital's own patients"
    return HeatMap(
        f"scores-{on}",
        f"Scores on {letter}",
        f"What each hospital measured on {letter}, {whose}; ✕ where it refused the candidate. "
        "A gap is a score that it did not come to measure.",
        Axis("round"),
        Axis(""),
        tuple(map(str, slots)),
        tuple(hospitals),
        tuple(map(tuple, values)),
        Axis("score", min(0.5, *known) if known else 0.0, 1.0, percent=True),
        tuple(
            tuple("✕" if (slot, hospital) in refused else "" for slot in slots)
            for hospital in hospitals
        ),
        tuple(
            tuple(
                _score_note(hospital, slot, letter, value, refused)
                for slot, value in zip(slots, row, strict=True)
            )
            for hospital, row in zip(hospitals, values, strict=True)
        ),
    )


def _score_note(
    hospital: str,
    slot: int,
    letter: str,
    value: float | None,
    refused: dict[tuple[int, str], str],
) -> str:
    score = "not measured" if value is None else percent(value * _MILLION)
    reason = refused.get((slot, hospital))
    judged = "accepted" if reason is None else f"refused: {reason}"
    return f"{hospital}, round {slot}\n{letter}: {score}\n{judged}"


def _in_order(run: RunResults, names: Iterable[str]) -> list[str]:
    """Names in the order of the scenario; who is not in it comes last."""
    place = {name: number for number, name in enumerate(run.scenario.instances)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def _rows(table: "pd.DataFrame") -> Iterable[Any]:
    """The rows of a table, its columns as their attributes."""
    return table.itertuples()


def _whole(column: "pd.Series[int]") -> list[int | None]:
    missing = column.isna()
    return [None if gap else int(each) for each, gap in zip(column, missing, strict=True)]


def _votes(run: RunResults) -> BarChart:
    rounds = run.rounds
    heights = tuple(int(each) for each in rounds["height"])
    notes = tuple(
        f"height {row.height}, {row.type}\n{row.accept_count} for, {row.reject_count} against"
        + (f" ({row.reject_reasons})" if row.reject_reasons else "")
        + f"\n{plural(int(row.voter_count), 'vote')} in the certificate"
        for row in _rows(rounds)
    )
    return BarChart(
        "votes",
        "Verdicts per round",
        "Verdicts in the seal of each record: whoever recorded it may not have waited for all.",
        Axis("height", whole=True),
        Axis("verdicts"),
        heights,
        (
            Bars("for", tuple(map(int, rounds["accept_count"])), "accepted", notes),
            Bars("against", tuple(map(int, rounds["reject_count"])), "rejected", notes),
        ),
        stacked=True,
    )


def traffic_charts(run: RunResults) -> Iterator[Part]:
    """Latency per round, bytes between hospitals, messages and bytes by kind, cost per stage.

    Raises:
        ReportError: When a table is missing or damaged.
    """
    yield _latency(run.rounds)
    yield _between(run)
    stages = run.stages
    yield from _stages(stages, "computing", "busy_us")
    yield from _stages(stages, "sending", "size_bytes")


def _latency(rounds: "pd.DataFrame") -> LineChart:
    times = [0, *(int(each) for each in rounds["decided_us"])]
    spans = [end - start for start, end in pairwise(times)]
    lines = []
    kinds = [str(each) for each in rounds["type"]]
    for number, kind in enumerate(dict.fromkeys(kinds)):
        chosen = [index for index, each in enumerate(kinds) if each == kind]
        name, role = _TYPES.get(kind, (kind, series(number + 3)))
        lines.append(
            Line(
                name,
                tuple(int(rounds["height"].iloc[index]) for index in chosen),
                tuple(spans[index] / 1000 for index in chosen),
                role,
                "points",
                {"accepted": "circle", "rejected": "cross"}.get(kind, "diamond"),  # type: ignore[arg-type]  # symbols by name
                notes=tuple(
                    f"height {rounds['height'].iloc[index]}, {kind}\n{duration(spans[index])}"
                    for index in chosen
                ),
            )
        )
    return LineChart(
        "latency",
        "Latency per round",
        "Simulated time from one record to the next, as the first hospital recorded them: "
        "training, judging and agreeing.",
        Axis("height", whole=True),
        Axis("milliseconds", low=0, high=1.08 * max(spans, default=1) / 1000),
        tuple(lines),
    )


def _between(run: RunResults) -> HeatMap:
    table = run.messages
    names = _in_order(run, {*table["sender"], *table["receiver"]})
    sent = {(row.sender, row.receiver): row for row in _rows(table)}
    values, notes = [], []
    for sender in names:
        row_values: list[float | None] = []
        row_notes = []
        for receiver in names:
            row = sent.get((sender, receiver))
            row_values.append(None if row is None else int(row.size_bytes) / _MILLION)
            row_notes.append(
                ""
                if row is None
                else f"{sender} → {receiver}\n{plural(int(row.message_count), 'message')}, "
                f"{size(int(row.size_bytes))}\n{row.held_count} held back, {row.dropped_count} lost"
            )
        values.append(tuple(row_values))
        notes.append(tuple(row_notes))
    total = int(table["size_bytes"].sum())
    return HeatMap(
        "bytes-between",
        "Bytes between hospitals",
        f"Who sent how much to whom: {plural(int(table['message_count'].sum()), 'message')}, "
        f"{size(total)} in all.",
        Axis("to"),
        Axis("from"),
        tuple(names),
        tuple(names),
        tuple(values),
        Axis("megabytes", 0.0, max([*filter(None, (each for row in values for each in row)), 0.0])),
        notes=tuple(notes),
    )


def _stages(stages: "pd.DataFrame", kind: str, column: str) -> Iterator[BarChart]:
    """One bar per stage, over all hospitals, with the count of messages where they are sent."""
    chosen = stages[stages["kind"] == kind]
    if chosen.empty:
        return
    sums = chosen.groupby("stage", sort=False)[[column, "message_count"]].sum()
    sums = sums.sort_values(column, ascending=False)
    names = tuple(str(each) for each in sums.index)
    amounts = [int(each) for each in sums[column]]
    if kind == "computing":
        title, unit, scale = "Computing per stage", "simulated seconds", _MILLION
        about = "Simulated time that all hospitals together spent, by what they did."
        notes = [f"{name}: {duration(each)}" for name, each in zip(names, amounts, strict=True)]
    else:
        title, unit, scale = "Traffic per stage", "megabytes", _MILLION
        about = "Bytes that all hospitals together sent, by what they were for."
        counts = [int(each) for each in sums["message_count"]]
        notes = [
            f"{name}: {plural(count, 'message')}, {size(each)}"
            for name, count, each in zip(names, counts, amounts, strict=True)
        ]
    role: Role = "series-1" if kind == "computing" else "series-2"
    bars = Bars(unit, tuple(each / scale for each in amounts), role, tuple(notes))
    yield BarChart(
        f"stages-{kind}",
        title,
        about,
        Axis("", categories=True),
        Axis(unit),
        names,
        (bars,),
        lying=True,
    )
