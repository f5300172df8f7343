"""What the numbers of a study are drawn in: shares, milliseconds, kilobytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..studies.measures import MEASURES
from .chart import Axis


@dataclass(frozen=True, slots=True)
class Scale:
    """How a measure becomes a number on an axis."""

    factor: float
    """What a value is multiplied by."""
    axis: Axis
    """The axis."""

    def of(self, value: float | None) -> float | None:
        """A value on the axis."""
        return None if value is None else value * self.factor

    def words(self, value: float | None) -> str:
        """A value as people read it."""
        if value is None:
            return "-"
        return f"{value:.1%}" if self.axis.percent else f"{value * self.factor:.4g}"


def scale_of(measure: str | None, kind: str) -> Scale:
    """How a measure is drawn, by the kind of the question."""
    known = MEASURES.get(measure or "")
    name = words_of(measure)
    if kind in ("rate", "threshold") or (known is not None and known.kind == "status"):
        return Scale(1.0, Axis(f"rate of {name}", 0.0, 1.02, percent=True))
    match "" if known is None else known.unit:
        case "us":
            return Scale(1e-3, Axis(f"{name}, milliseconds"))
        case "ppm":
            return Scale(1e-6, Axis(name, percent=True))
        case "bytes":
            return Scale(1e-6, Axis(f"{name}, megabytes"))
        case unit:
            return Scale(1.0, Axis(f"{name}, {unit}" if unit else name))


def words_of(measure: str | None) -> str:
    """The name of a measure without its unit, which stands elsewhere."""
    known = MEASURES.get(measure or "")
    unit = "" if known is None else known.unit
    return (measure or "the measure").removesuffix(f"_{unit}").replace("_", " ")


def meaning_of(measure: str | None) -> str:
    """What a measure says, as a sentence with a space after it; empty where it is not known."""
    known = MEASURES.get(measure or "")
    return "" if known is None else f"{known.meaning[:1].upper()}{known.meaning[1:]}. "


def other_measures(results: Mapping[str, Any]) -> list[str]:
    """Measures beside the one that is asked for, of which not all cells say the same."""
    cells = results["cells"]
    found = []
    for name in MEASURES:
        if name == results["question"].get("of"):
            continue
        values = {_value(cell["measures"][name]) for cell in cells if name in cell["measures"]}
        if len(values - {None}) > 1:
            found.append(name)
    return found


def seen_by(results: Mapping[str, Any], measure: str) -> Mapping[str, Any]:
    """The same results, had the study asked for the mean or the rate of another measure."""
    kind = "rate" if MEASURES[measure].kind == "status" else "mean"
    cells = [
        {
            **cell,
            "estimate": {
                "of": measure,
                "value": _value(cell["measures"][measure]),
                "low": cell["measures"][measure].get("low"),
                "high": cell["measures"][measure].get("high"),
            },
        }
        for cell in results["cells"]
        if measure in cell["measures"]
    ]
    return {
        **results,
        "question": {**results["question"], "kind": kind, "of": measure},
        "cells": cells,
    }


def _value(found: Mapping[str, float | None]) -> float | None:
    """The mean of a number, or the rate at which a status holds."""
    if "mean" in found:
        return found["mean"]
    counts = [found.get(status) or 0 for status in ("held", "violated", "undecided")]
    return counts[0] / sum(counts) if sum(counts) else None


def estimate_words(estimate: Mapping[str, Any], scale: Scale) -> tuple[str, str, str]:
    """Value, interval and theory of an estimate, as a table shows them."""
    low, high = estimate["low"], estimate["high"]
    ends = "-" if low is None and high is None else f"{_end(scale, low)} to {_end(scale, high)}"
    return scale.words(estimate["value"]), ends, scale.words(estimate.get("theory"))


def _end(scale: Scale, value: float | None) -> str:
    return "no end" if value is None else scale.words(value)
