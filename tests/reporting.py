"""Runs and studies with hostile words in them, for tests of reports."""

import csv
import json
from pathlib import Path
from typing import Any

from tests.program import tclearn

Axes = list[tuple[str, list[Any]]]
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>%{x}$x$"
"""What would run, were it not taken for text."""

SCENARIO = f"""
scenario: reported
description: "{HOSTILE}"
rounds: 4
hospitals: 4
model: {{kind: logistic}}
training: {{epochs: 2}}
signature: Ed25519
faults:
  - {{kind: poison, hospital: hospital-3, attack: sign-flip, factor: 20.0}}
"""
"""Four rounds; the third is poisoned and refused."""


def make_run(folder: Path) -> Path:
    """Run the scenario."""
    (folder / "reported.yaml").write_text(SCENARIO, "utf-8")
    done = tclearn("run", "reported.yaml", "--out", "run", "--quiet", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def poison_words(run: Path) -> None:
    """Put hostile words wherever a file of the run has words."""
    summary = json.loads((run / "run.json").read_text("utf-8"))
    summary["repeat"] = HOSTILE
    summary["environment"]["python"] = HOSTILE
    summary["accused"] = {HOSTILE: 3}
    summary["verdicts"]["agreement"]["reason"] = HOSTILE
    summary["verdicts"][HOSTILE] = {"verdict": HOSTILE, "expected": HOSTILE, "reason": HOSTILE}
    (run / "run.json").write_text(json.dumps(summary), "utf-8")
    for table, columns in {
        "verdicts": ("hospital", "reason"),
        "rounds": ("proposer", "reject_reasons"),
        "messages": ("sender", "receiver"),
        "stages": ("stage",),
    }.items():
        _rewrite(run / "metrics" / f"{table}.csv", columns)
    line = {"time_us": 20000, "event": "refuse", "at": "hospital-1", "from": HOSTILE, "reason": ""}
    with (run / "trace.jsonl").open("a", encoding="utf-8") as trace:
        trace.write(json.dumps(line) + "\n")
        said = {"kind": HOSTILE, "by": HOSTILE, "slot": 1, "bytes": 1}
        trace.write(json.dumps({"time_us": 20001, "event": "send", "at": "hospital-1"} | said))
        trace.write("\n")


def _rewrite(path: Path, columns: tuple[str, ...]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[:2]:
        row |= dict.fromkeys(columns, HOSTILE)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def threshold_results(label: str = "two-faced") -> dict[str, Any]:
    """The results of a study of thresholds: two protocols, two sizes, one adversary."""
    axes: Axes = [
        ("protocol.name", ["majority", "scp"]),
        ("hospitals", [4, 7]),
        ("adversary", [label]),
    ]
    cells: list[dict[str, Any]] = []
    thresholds: list[dict[str, Any]] = []
    for protocol in ("majority", "scp"):
        for size in (4, 7):
            held = (size - 1) // 3
            where = {"protocol.name": protocol, "hospitals": size, "adversary": label}
            probes = []
            for faulty in (held, held + 1):
                rate = float(faulty == held)
                cells.append(_cell({**where, "faulty": faulty}, "agreement", rate, len(cells)))
                probes.append(
                    {"faulty": faulty, "held": 20 * rate, "replications": 20, "low": 0, "high": 1}
                )
            thresholds.append(
                {
                    "axes": where,
                    "of": "agreement",
                    "hospitals": size,
                    "located": held,
                    "located_fraction": held / size,
                    "interval": [held, held + 1],
                    "theory": held,
                    "agrees": True,
                    "note": "",
                    "confidence": 0.95,
                    "replications": 40,
                    "probes": probes,
                }
            )
    return _results("threshold", axes, cells, thresholds)


def quantile_results(label: str = "scp") -> dict[str, Any]:
    """The results of a study of latencies: sizes and protocols, one of which has a label."""
    axes: Axes = [
        ("hospitals", [4, 7, 10]),
        ("protocol.name", ["majority", label]),
        ("loss", [0, 0.1]),
    ]
    cells = [
        _cell(
            {"hospitals": size, "protocol.name": protocol, "loss": loss},
            "latency_us",
            100_000.0 * size,
            number,
        )
        for number, (size, protocol, loss) in enumerate(
            (size, protocol, loss)
            for size in (4, 7, 10)
            for protocol in ("majority", label)
            for loss in (0, 0.1)
        )
    ]
    return _results("quantile", axes, cells, [])


def _cell(axes: dict[str, Any], of: str, value: float, number: int) -> dict[str, Any]:
    low, high = (value * 0.8, min(1.0, value + 0.1)) if value <= 1 else (value * 0.9, value * 1.1)
    estimate = {"of": of, "value": value, "low": low, "high": high, "theory": None}
    return {"id": f"c{number}", "axes": axes, "replications": 20, "estimate": estimate} | {
        "measures": {}
    }


def _results(
    kind: str, axes: list[tuple[str, list[Any]]], cells: list[Any], thresholds: list[Any]
) -> dict[str, Any]:
    of = cells[0]["estimate"]["of"]
    return {
        "study": "measured",
        "description": HOSTILE,
        "fidelity": "protocol",
        "seed": 42,
        "as_expected": True,
        "expectations": [{"expects": "all is well", "met": True, "found": HOSTILE}],
        "question": {"kind": kind, "of": of, "confidence": 0.95, "quantile": 0.5},
        "axes": [{"name": name, "values": values} for name, values in axes],
        "cells": cells,
        "thresholds": thresholds,
    }


def make_study(folder: Path, results: dict[str, Any]) -> Path:
    """A directory with these results, as `tclearn study` leaves it."""
    study = folder / "study"
    study.mkdir()
    summary = {"status": "finished", "study": "measured", "repeat": "tclearn study measured"}
    (study / "study.json").write_text(json.dumps(summary), "utf-8")
    (study / "results.json").write_text(json.dumps(results), "utf-8")
    return study
