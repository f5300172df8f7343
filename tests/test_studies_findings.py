"""What is concluded from replicas: when they suffice, thresholds, expectations, data frames."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scenarios.results import load_study
from scenarios.results.errors import ReportError
from scenarios.studies.engines.local import LocalEngine
from scenarios.studies.findings import judged
from scenarios.studies.plan import Family
from scenarios.studies.schema import Expectation
from scenarios.studies.store import RESULTS_FILE, as_json
from scenarios.studies.summary import threshold_result
from scenarios.studies.work import Job, Plain, Search, job_of
from tests.studies import RATES, SMALL, planned, run


def lines(first: int, statuses: str) -> tuple[bytes, ...]:
    """Replicas whose termination was held (h) or violated (v)."""
    words = {"h": "held", "v": "violated"}
    return tuple(
        b'{"replica":%d,"seed":0,"termination":"%s"}\n' % (first + index, words[each].encode())
        for index, each in enumerate(statuses)
    )


def rates_job(*overrides: str) -> Job:
    study = planned(RATES, *overrides)
    family = study.families[0]
    cell = family.cell(None)
    return job_of(Plain(family, cell), cell, study.study.replications, study.study.batch)


def test_batches_are_looked_at_in_order_and_the_last_is_shorter() -> None:
    job = rates_job("replications=10")
    batches = [job.take(ahead=False) for _ in range(4)]
    assert [(each.first, each.count) for each in batches if each] == [(0, 4), (4, 4), (8, 2)]
    job.give(2, lines(8, "hh"))
    job.give(1, lines(4, "hhhv"))
    assert (job.count, job.done) == (0, False)
    job.give(0, lines(0, "hhhh"))
    assert (job.hits, job.count, job.done) == (9, 10, True)
    assert len(job.lines()) == 10


def test_a_precision_stops_at_the_first_batch_that_is_enough() -> None:
    job = rates_job("replications={precision: 20 %, at_least: 8, at_most: 100}")
    assert [job.take(ahead=False), job.take(ahead=False), job.take(ahead=False)][2] is None
    assert job.take(ahead=True) is not None
    job.give(2, lines(8, "hhhh"))
    job.give(0, lines(0, "hhhh"))
    assert not job.done
    job.give(1, lines(4, "hhhh"))
    # The interval of 12 held in 12 is 33 % wide, that of 8 in 8 is 44 %.
    assert (job.done, job.count) == (True, 12)


def test_what_is_kept_of_an_earlier_run_counts_by_whole_batches() -> None:
    job = rates_job("replications=10")
    kept = dict(enumerate(lines(0, "hhhhhh")))
    assert job.recover(kept) == 4
    batch = job.take(ahead=False)
    assert batch is not None
    assert (batch.first, batch.count) == (4, 4)


def test_a_search_halves_and_stops_where_a_probe_is_not_decided() -> None:
    study = planned(SMALL)
    family = study.families[3]  # five hospitals, silent: termination

    def probe(search: Search, statuses: str) -> int:
        cell = search.next()
        assert cell is not None
        job = job_of(search, cell, study.study.replications, study.study.batch)
        for number in range(10):
            job.give(number, lines(3 * number, (statuses * 30)[3 * number : 3 * number + 3]))
        search.learn(job)
        return cell.task.faulty

    search = Search(family)
    assert [probe(search, "v"), probe(search, "h"), probe(search, "h")] == [2, 0, 1]
    assert search.next() is None
    assert search.known == {2: "broken", 0: "held", 1: "held"}
    undecided = Search(family)
    assert probe(undecided, "hv") == 2
    assert undecided.undecided
    assert undecided.next() is None


def family() -> Family:
    return planned(SMALL, "sweep.hospitals=[5]").families[1]


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        ({1: (30, 30), 2: (0, 30)}, (1, [1, 2], True, True, "")),
        ({2: (30, 30), 3: (0, 30)}, (2, [2, 3], False, True, "")),
        ({4: (30, 30)}, (None, [4, None], False, True, "never broken, with up to 4 faulty")),
        ({0: (0, 30)}, (None, [None, 0], False, True, "broken already with 0 faulty")),
        (
            {0: (30, 30), 1: (15, 30), 2: (0, 30)},
            (None, [0, 2], None, False, "not decided with 1 faulty within the replications"),
        ),
        (
            {0: (30, 30), 1: (0, 30), 2: (30, 30), 3: (15, 30)},
            (0, [0, 1], False, True, "broken, and held again with more"),
        ),
    ],
)
def test_a_threshold_lies_between_probes(
    probes: dict[int, tuple[int, int]], expected: tuple[Any, ...]
) -> None:
    found = threshold_result(family(), probes)
    keys = ("located", "interval", "agrees", "decided", "note")
    assert tuple(found[key] for key in keys) == expected
    assert (found["theory"], found["theory_interval"]) == (1, [1, 2])


def cell(n: int, protocol: str, latency_us: float, held: int) -> dict[str, Any]:
    return {
        "axes": {"hospitals": n, "protocol.name": protocol},
        "estimate": {"of": "latency_us", "value": latency_us, "low": latency_us - 50, "high": None},
        "measures": {
            "latency_us": {"mean": latency_us + 1, "low": latency_us - 9, "high": latency_us + 9},
            "termination": {"held": held, "violated": 0, "undecided": 10 - held},
        },
    }


RESULTS: dict[str, Any] = {
    "question": {"of": "latency_us", "is": "held", "confidence": 0.95},
    "thresholds": [],
    "cells": [
        cell(4, "pbft", 200.0, 10),
        cell(7, "pbft", 300.0, 9),
        cell(4, "scp", 250.0, 10),
        cell(7, "scp", 290.0, 10),
    ],
}


@pytest.mark.parametrize(
    ("expected", "met", "found"),
    [
        ({"at_least": 200}, True, "4 of 4"),
        ({"where": {"hospitals": 4}, "at_most": "0.24 ms"}, False, "protocol.name=scp: 0.000 s"),
        (
            {"of": "termination", "at_least": "95 %"},
            False,
            "hospitals=7, protocol.name=pbft: 90.0%",
        ),
        (
            {"of": "termination", "where": {"protocol.name": "scp"}, "at_least": "95 %"},
            True,
            "2 of",
        ),
        (
            {
                "of": "termination",
                "where": {"hospitals": 4, "protocol.name": "scp"},
                "at_least": "95 %",
                "based_on": "interval",
            },
            False,
            "72.2% to 100.0%",
        ),
        (
            {
                "where": {"protocol.name": "pbft"},
                "less_than": {"where": {"protocol.name": "scp"}},
            },
            False,
            "1 not: hospitals=7, protocol.name=pbft",
        ),
        ({"where": {"hospitals": 4}, "less_than": {"where": {"hospitals": 7}}}, True, "2 of 2"),
        (
            {"where": {"hospitals": 4}, "less_than": {"where": {"hospitals": 7}}, "by": 41},
            False,
            "1 not: hospitals=4, protocol.name=scp",
        ),
        (
            {"where": {"hospitals": [4, 7]}, "more_than": {"where": {"hospitals": 9}}},
            True,
            "no such",
        ),
        ({"where": {"hospitals": 9}, "at_least": 1}, True, "there is no such cell in this study"),
    ],
)
def test_an_expectation_of_cells_is_a_sentence(
    expected: dict[str, Any], met: bool, found: str
) -> None:
    (outcome,) = judged([Expectation.model_validate(expected)], RESULTS)
    assert (outcome["met"], found in outcome["found"]) == (met, True), outcome


def test_a_study_is_data_frames(tmp_path: Path) -> None:
    with closing(LocalEngine(1)) as engine:
        results = run(planned(SMALL, "sweep.hospitals=[4]"), engine, tmp_path)
    with pytest.raises(ReportError, match="is no study: it has no "):
        load_study(tmp_path)
    (tmp_path / "study.json").write_text('{"status": "interrupted", "repeat": "tclearn study x"}')
    with pytest.raises(ReportError, match=r"is not finished \(interrupted\); go on with: tcl"):
        load_study(tmp_path)
    (tmp_path / RESULTS_FILE).write_bytes(as_json(results))
    study = load_study(tmp_path)
    assert study.axes == ("hospitals", "adversary", "faulty")
    assert study.as_expected
    assert list(study.thresholds["located"]) == [1, 1]
    assert list(study.thresholds["held"]) == [1, 1]
    assert list(study.probes["faulty"]) == [1, 2, 1, 2]
    assert len(study.cells) == 4
    assert study.cells["agreement.held"].sum() == study.cells["value"][0] * 9 + 18
    assert len(study.replicas) == study.cells["replications"].sum()
    assert set(study.replicas["adversary"]) == {"two-faced", "silent"}
    cell_file = tmp_path / "cells" / f"{study.cells['cell'][0]}.jsonl"
    cell_file.write_bytes(cell_file.read_bytes()[:-9])
    with pytest.raises(ReportError, match="is damaged; remove it, and tclearn study --resume"):
        _ = load_study(tmp_path).replicas
