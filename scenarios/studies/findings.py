"""What the author of a study expects, against what came out: each a sentence, met or not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from ..units import PPM
from .axes import named
from .measures import MEASURES
from .schema import Bound, Expectation, OtherCells, ThresholdClaim

SHOWN_MAX: Final = 3
"""The most cells that a sentence names."""

_UNIT_US: Final = 1_000_000

Results = Mapping[str, Any]
"""What ``results.json`` says, as far as it is known."""


def judged(expected: Sequence[Expectation], results: Results) -> list[dict[str, Any]]:
    """Return what is expected, whether it is met, and what was found."""
    return [_judged(each, results) for each in expected]


def _judged(expected: Expectation, results: Results) -> dict[str, Any]:
    if expected.thresholds is None:
        sentence, met, found = _of_cells(expected, results)
    elif isinstance(expected.thresholds, ThresholdClaim):
        sentence, met, found = _of_claim(expected.thresholds, results)
    else:
        sentence, met, found = _of_theory({}, results)
    return {"expects": sentence, "met": met, "found": found}


_Judgement = tuple[str, bool, str]


def _of_theory(where: Mapping[str, Any], results: Results) -> _Judgement:
    """Every located threshold is the theory's, wherever theory says something."""
    sentence = f"every threshold{_where(where)} is where theory has it"
    chosen = [each for each in results["thresholds"] if _matches(each["axes"], where)]
    compared = [each for each in chosen if each["theory_interval"] is not None]
    apart = [each for each in compared if not each["agrees"]]
    if not compared:
        return sentence, False, "theory says nothing of any of them"
    if apart:
        shown = [
            f"{_cell(each)}: {_located(each)}, in theory {_interval(each['theory_interval'])}"
            for each in apart[:SHOWN_MAX]
        ]
        return sentence, False, f"{len(apart)} of {len(compared)} are not: {_more(shown, apart)}"
    found = f"{len(compared)} of {len(compared)} are"
    silent = len(chosen) - len(compared)
    return sentence, True, f"{found}; of {silent} theory says nothing" if silent else found


def _of_claim(claim: ThresholdClaim, results: Results) -> _Judgement:
    if claim.located == "theory":
        return _of_theory(claim.where, results)
    chosen = [each for each in results["thresholds"] if _matches(each["axes"], claim.where)]
    wanted, holds = _claimed(claim)
    sentence = f"thresholds{_where(claim.where)}: {wanted}"
    apart = [each for each in chosen if not (each["decided"] and holds(*each["interval"]))]
    if not chosen:
        return sentence, True, "there is none in this study"
    if apart:
        shown = [f"{_cell(each)}: {_located(each)}" for each in apart[:SHOWN_MAX]]
        return sentence, False, f"{len(apart)} of {len(chosen)} not: {_more(shown, apart)}"
    return sentence, True, _all([f"{_cell(each)}: {_located(each)}" for each in chosen])


def _claimed(claim: ThresholdClaim) -> tuple[str, Callable[[int | None, int | None], bool]]:
    """What is claimed, in words and as a test of the greatest that holds, the least that breaks."""
    words, tests = [], list[Callable[[int | None, int | None], bool]]()
    if claim.located == "never":
        words.append("no number of faulty hospitals breaks it")
        tests.append(lambda held, broken: held is not None and broken is None)
    elif isinstance(claim.located, int):
        wanted = claim.located
        words.append(f"it holds with {wanted} faulty hospitals and breaks with more")
        tests.append(lambda held, broken: held == wanted and broken is not None)
    if (least := claim.at_least) is not None:
        words.append(f"it holds with at least {least} faulty hospitals")
        tests.append(lambda held, _: held is not None and held >= least)
    if (most := claim.at_most) is not None:
        words.append(f"it breaks with at most {most + 1} faulty hospitals")
        tests.append(lambda _, broken: broken is not None and broken <= most + 1)
    return " and ".join(words), lambda held, broken: all(test(held, broken) for test in tests)


def _of_cells(expected: Expectation, results: Results) -> _Judgement:
    chosen = [each for each in results["cells"] if _matches(each["axes"], expected.where)]
    of = expected.of or results["question"]["of"] or "the measure"
    rests = f" ({expected.based_on}s)"
    tests: list[tuple[str, Iterator[tuple[bool | None, str]]]] = []
    if expected.at_least is not None:
        words = f"at least {_value(_scaled(expected.at_least, of), of)}"
        tests.append((words, _bounded(expected, results, chosen, "low")))
    if expected.at_most is not None:
        words = f"at most {_value(_scaled(expected.at_most, of), of)}"
        tests.append((words, _bounded(expected, results, chosen, "high")))
    for other, word in ((expected.less_than, "less"), (expected.more_than, "more")):
        if other is not None:
            by = "" if expected.by is None else f" by {_value(_scaled(expected.by, of), of)}"
            words = f"{word} than{_where(other.where)}{by}"
            side: Literal["less", "more"] = "less" if word == "less" else "more"
            tests.append((words, _compared(expected, results, chosen, other, side)))
    sentence = f"{of}{_where(expected.where)}: {' and '.join(words for words, _ in tests)}{rests}"
    if not chosen:
        return sentence, True, "there is no such cell in this study"
    outcomes = [outcome for _, test in tests for outcome in test]
    apart = [found for met, found in outcomes if not met]
    if apart:
        return sentence, False, f"{len(apart)} not: {_more(apart[:SHOWN_MAX], apart)}"
    shown = [found for _, found in outcomes]
    if not shown:
        return sentence, True, "there are no such cells in this study"
    return sentence, True, _all(shown)


def _bounded(
    expected: Expectation, results: Results, chosen: Sequence[Results], side: str
) -> Iterator[tuple[bool, str]]:
    for cell in chosen:
        found = _estimate(cell, expected.of, results)
        end = found["value"] if expected.based_on == "estimate" else found[side]
        if side == "low":
            met = end is not None and end >= _scaled(expected.at_least, found["of"])
        else:
            met = end is not None and end <= _scaled(expected.at_most, found["of"])
        yield met, f"{_cell(cell)}: {_words(found, expected.based_on)}"


def _compared(
    expected: Expectation,
    results: Results,
    chosen: Sequence[Results],
    other: OtherCells,
    side: Literal["less", "more"],
) -> Iterator[tuple[bool, str]]:
    """Compare each cell with those that differ from it as said, and in nothing else."""
    for cell in chosen:
        mine = _estimate(cell, expected.of, results)
        for against in results["cells"]:
            rest = {k: v for k, v in cell["axes"].items() if k not in other.where}
            if against is cell or not _matches(against["axes"], {**rest, **other.where}):
                continue
            theirs = _estimate(against, other.of or expected.of, results)
            less, more = (mine, theirs) if side == "less" else (theirs, mine)
            exact = expected.based_on == "estimate"
            high, low = (less["value"], more["value"]) if exact else (less["high"], more["low"])
            met = (
                high is not None
                and low is not None
                and high < low
                and low - high >= _scaled(expected.by, mine["of"])
            )
            words = f"{_words(mine, expected.based_on)} against {_words(theirs, expected.based_on)}"
            yield met, f"{_cell(cell)}: {words}"


def _estimate(cell: Results, of: str | None, results: Results) -> dict[str, Any]:
    """A measure of a cell, with its interval: as asked, else the rate of held or the mean."""
    estimate: dict[str, Any] = cell["estimate"]
    if of is None or (of == estimate["of"] and MEASURES[of].kind == "number"):
        return estimate
    found = cell["measures"].get(of)
    if found is None:
        return {"of": of, "value": None, "low": None, "high": None}
    if "mean" in found:
        return {"of": of, "value": found["mean"], "low": found["low"], "high": found["high"]}
    if of == estimate["of"] and results["question"]["is"] == "held":
        return estimate
    from .statistics import rate_interval

    count = found["held"] + found["violated"] + found["undecided"]
    interval = rate_interval(found["held"], count, results["question"]["confidence"])
    value = found["held"] / count if count else None
    return {"of": of, "value": value, "low": interval.low, "high": interval.high}


def _matches(axes: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(
        _same(axes.get(axis), wanted)
        if not isinstance(wanted, tuple)
        else any(_same(axes.get(axis), each) for each in wanted)
        for axis, wanted in where.items()
    )


def _same(value: object, wanted: object) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _where(where: Mapping[str, Any]) -> str:
    if not where:
        return ""
    words = {
        axis: " or ".join(map(str, value)) if isinstance(value, tuple) else value
        for axis, value in where.items()
    }
    return f" with {named(words)}"


def _cell(result: Results) -> str:
    return named(result["axes"]) or "the cell"


def _located(threshold: Results) -> str:
    if not threshold["decided"]:
        return str(threshold["note"])
    return _interval(threshold["interval"])


def _interval(interval: Sequence[int | None]) -> str:
    held, broken = interval
    if broken is None:
        return "never broken"
    return f"broken with {broken}" if held is None else f"holds with {held}, broken with {broken}"


def _scaled(bound: Bound | None, of: str) -> float:
    """A bound in the unit of a measure: of scores it is a fraction, and they are millionths."""
    measure = MEASURES.get(of)
    in_ppm = measure is not None and measure.unit == "ppm"
    return (bound or 0.0) * (PPM if in_ppm else 1)


def _words(found: Mapping[str, Any], based_on: str) -> str:
    of = found["of"]
    if based_on == "estimate" or found["value"] is None:
        return _value(found["value"], of)
    return f"{_value(found['low'], of)} to {_value(found['high'], of)}"


def _value(value: Bound | None, of: str | None) -> str:
    """A value as people read it."""
    if value is None:
        return "none"
    measure = MEASURES.get(of or "")
    if measure is not None and measure.kind == "status":
        return f"{value:.1%}"
    match "" if measure is None else measure.unit:
        case "us":
            return f"{value / _UNIT_US:.3f} s"
        case "ppm":
            return f"{value / _UNIT_US:.1%}"
        case unit:
            return f"{value:g} {unit}".rstrip()


def _all(found: Sequence[str]) -> str:
    return found[0] if len(found) == 1 else f"{len(found)} of {len(found)}"


def _more(shown: Sequence[str], found: Sequence[object]) -> str:
    rest = len(found) - len(shown)
    return "; ".join(shown) + (f"; and {rest} more" if rest else "")
