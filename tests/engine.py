"""Small whole runs in this process, for tests of the engine: what was done, said and kept."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from consensus.statements import Statement
from crypto.identity import NodeId
from ledger.audit import AuditReport, Judgement, audit_run
from ledger.block import Block, decode_block
from ledger.store import StoredRecord, read_records
from scenarios.run_directory import RunDirectory, replica_name
from scenarios.simulation.coalition import Coalition, found
from scenarios.simulation.diary import Diary
from scenarios.simulation.hospital import Hospital
from scenarios.simulation.outcome import Outcome
from scenarios.simulation.signer import Signer
from scenarios.simulation.simulate import simulate
from scenarios.source import parse, resolved_yaml

SMALL = """
scenario: small
seed: 3
rounds: 2
hospitals: 4
model: {kind: logistic}
training: {epochs: 1}
signature: Ed25519
network: {latency: {distribution: uniform, low: 10 ms, high: 30 ms}}
"""
"""Four hospitals, two rounds: about half a second of simulated time."""

PROTOCOLS = ("scp", "majority", "pbft")
"""Those in which no single hospital decides."""


@dataclass(frozen=True)
class Run:
    """A run that is over."""

    folder: Path
    """Its directory."""
    coalition: Coalition
    """Who took part."""
    outcome: Outcome
    """What came out."""

    @cached_property
    def report(self) -> AuditReport:
        """What the audit says of it."""
        return audit_run(self.folder)

    @cached_property
    def trace(self) -> list[dict[str, Any]]:
        """Its trace, line by line."""
        lines = (self.folder / "trace.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def types(self) -> list[str]:
        """What each height holds."""
        return [row.type.value for row in self.outcome.rounds]

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each invariant."""
        return {name.value: each.status.value for name, each in self.outcome.findings.items()}

    def lines(self, event: str, node: str | None = None) -> list[dict[str, Any]]:
        """The lines of a kind of event, of one instance or of all."""
        return [
            line for line in self.trace if line["event"] == event and node in (None, line["at"])
        ]

    def blocks(self, instance: str) -> Iterator[Block]:
        """The replica of an instance, from the genesis on."""
        for record in read_records(self.folder / "ledger" / replica_name(instance)):
            if isinstance(record, StoredRecord):
                yield decode_block(record.payload)[0]


Change = Callable[[Hospital, str, Any], Sequence[Any]]
"""What a hospital gets in the place of a message: hospital, sender, message."""


def run(folder: Path, text: str = "", *, change: Change | None = None, **changes: Any) -> Run:
    """Run the small scenario.

    Args:
        folder: Where its directory is made.
        text: More of the scenario, as YAML; a key that stands here replaces the small one's.
        change: What is made of each message on its arrival.
        changes: More of it, as values.
    """
    yaml = YAML(typ="safe")
    more: Mapping[str, Any] = yaml.load(text) or {}
    scenario = parse(json.dumps({**yaml.load(SMALL), **more, **changes}), "small.yaml")
    directory = RunDirectory(folder / "run")
    directory.create(resolved_yaml(scenario), {"status": "running", "replicas": None})
    coalition = found(scenario)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "fdatasync"):  # nobody cuts the power here
            patch.setattr(os, name, lambda _: None)
        if change is not None:
            _interpose(patch, change)
        outcome = simulate(scenario, coalition, directory, lambda _: None, lambda: None)
    return Run(directory.path, coalition, outcome)


def _interpose(patch: pytest.MonkeyPatch, change: Change) -> None:
    original = Hospital._arrive

    def arrive(hospital: Hospital, sender: str, message: Any) -> None:
        for each in change(hospital, sender, message):
            original(hospital, sender, each)

    patch.setattr(Hospital, "_arrive", arrive)


def spoken(patch: pytest.MonkeyPatch) -> list[tuple[NodeId, Statement]]:
    """Everything that is signed as the protocol asks from now on, lies apart."""
    said: list[tuple[NodeId, Statement]] = []
    original = Signer.sign

    def sign(signer: Signer, statement: Statement) -> Any:
        signed = original(signer, statement)
        said.append((signed.node, statement))
        return signed

    patch.setattr(Signer, "sign", sign)
    return said


def faults(*each: Mapping[str, Any] | str) -> list[Any]:
    """Faults, each as YAML in one line or as a mapping."""
    yaml = YAML(typ="safe")
    return [yaml.load(fault) if isinstance(fault, str) else dict(fault) for fault in each]


def crash_after(
    patch: pytest.MonkeyPatch, hospital: str, event: str, back_us: int, *, number: int = 0
) -> list[int]:
    """From now on, crash a hospital one microsecond after it does something, outside any scenario.

    A fault of the scenario would do so at a time, and change the genesis, and so the time it takes.

    Args:
        patch: Undoes it.
        hospital: The instance.
        event: The kind of line in the trace.
        back_us: How long it is down.
        number: After how many of these.

    Returns:
        The times of the crash, as they happen.
    """
    hospitals: dict[str, Hospital] = {}
    crashed: list[int] = []
    seen = 0
    start, write = Hospital.start, Diary.write

    def started(each: Hospital) -> None:
        hospitals[each.instance] = each
        start(each)

    def wrote(diary: Diary, what: str, **words: Any) -> None:
        nonlocal seen
        write(diary, what, **words)
        if (diary._instance, what) != (hospital, event):
            return
        seen += 1
        if seen == number + 1:
            target = hospitals[hospital]
            crashed.append(int(target._env.now) + 1)
            target._env.timeout(1).callbacks.append(lambda _: target._crash())
            target._env.timeout(1 + back_us).callbacks.append(lambda _: target._recover())

    patch.setattr(Hospital, "start", started)
    patch.setattr(Diary, "write", wrote)
    return crashed


def crash(hospital: str, at_us: int, recover_us: int | None = None) -> dict[str, Any]:
    """A hospital stops, and perhaps runs again."""
    recover = "never" if recover_us is None else f"{recover_us} us"
    return {"kind": "crash", "hospital": hospital, "at": f"{at_us} us", "recover": recover}


def check_harmless(found: Run) -> None:
    """Check that honest hospitals reached the end alike, and that nothing is held against any."""
    assert set(found.verdicts.values()) == {"held"}, found.verdicts
    assert not found.outcome.accused
    assert found.report.judgement in (Judgement.VALID, Judgement.INCOMPLETE)
    assert not found.report.findings
