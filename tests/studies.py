"""Small studies for tests, and the files that they leave."""

from pathlib import Path
from typing import Any

from scenarios.studies.coordinate import carry_out
from scenarios.studies.engines.engine import Engine
from scenarios.studies.identity import identity_of
from scenarios.studies.plan import Cell, Plan, plan
from scenarios.studies.source import parse
from scenarios.studies.store import StudyDirectory
from scenarios.studies.summary import summarise
from scenarios.studies.work import Job, Source

SMALL = """
study: small
scenario:
  rounds: 1
  time_limit: 10 s
  protocol: {name: majority}
sweep:
  hospitals: [4, 5]
  adversary:
    two-faced: {faulty.fault: {kind: split}, question.of: agreement}
    silent: {faulty.fault: {kind: silence}, question.of: termination}
faulty: {fault: {kind: silence}}
question: {kind: threshold}
replications: 30
batch: 3
expect:
  - thresholds: theory
"""
"""Four thresholds, a second of work."""

RATES = """
study: rates
scenario:
  hospitals: 4
  rounds: 1
  time_limit: 10 s
  protocol: {name: majority}
  network: {loss: 30 %, retransmit: never}
sweep:
  network.loss: [0 %, 50 %]
question: {kind: rate, of: termination}
replications: 25
batch: 4
"""
"""Two rates, each of 25 replicas in batches of 4."""


class Nobody:
    """Who is told nothing of the progress of a study."""

    def replicas(self, cell: Cell, count: int) -> None: ...

    def cell(self, job: Job) -> None: ...

    def source(self, source: Source) -> None: ...


def planned(text: str = SMALL, *overrides: str) -> Plan:
    return plan(parse(text, "x.yaml", overrides=overrides))


def run(study: Plan, engine: Engine, path: Path) -> dict[str, Any]:
    """Carry a study out in a directory, or go on with it; the results."""
    identity = identity_of(study)
    with StudyDirectory(path) as directory:
        directory.take()
        assert carry_out(study, directory, identity, engine, Nobody(), lambda: False)
        return summarise(study, directory, identity)


def files(path: Path, *, but: tuple[str, ...] = ("lock", "study.json")) -> dict[str, bytes]:
    """The files of a study by name, without those that tell when and how it ran."""
    return {
        str(each.relative_to(path)): each.read_bytes()
        for each in sorted(path.rglob("*"))
        if each.is_file() and each.name not in but
    }
