"""Mutants of the verifier: with any one of its checks taken out, some attack is judged differently.

The cases are the committed corpus and every attack of the tables in `tests.corpus`. The normal
suite takes every fifth mutant; with the environment variable TCLEARN_CAMPAIGN=1 all are taken,
which lasts some minutes, and those in `EQUIVALENT` have to survive.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.corpus.cases import write_all
from tests.corpus.judge import EXPECT, judged_with_doubts
from tests.corpus.make import CORPUS, HERE, folder
from tests.corpus.mutants import ROOT, mutants

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
SAMPLE = 5
"""One mutant of so many is taken in the normal suite."""
PROCESSES = 2
SURVIVED = "-"

EQUIVALENT: Mapping[str, str] = {
    "ledger/schema:row: if type(value) is not list or len(value) != size"
    " without type(value) is not list": (
        "what has a length and is no list holds only text (a map, a text) or only integers (bytes);"
        " every row has a field that is neither, whose own check gives the same finding"
    ),
    "ledger/chain:start: if core.type is not RecordType.GENESIS or not isinstance(genesis, Genesis)"
    " without core.type is not RecordType.GENESIS": (
        "decode_block reads a genesis body exactly where the type is genesis: either side is enough"
    ),
    "ledger/chain:start: if core.type is not RecordType.GENESIS or not isinstance(genesis, Genesis)"
    " without not isinstance(genesis, Genesis)": "as the other side",
    "ledger/chain:extend: if core.type is RecordType.GENESIS or isinstance(candidate, Genesis)"
    " without core.type is RecordType.GENESIS": "as in start",
    "ledger/chain:extend: if core.type is RecordType.GENESIS or isinstance(candidate, Genesis)"
    " without isinstance(candidate, Genesis)": "as in start",
    "ledger/audit/replica:block_at: raise"
    " StoreError(f'{directory} changed while it was audited')": (
        "needs a run that changes between two reads of one audit"
    ),
    "ledger/audit/cosigned:read_notes: raise"
    " StoreError(f'cannot read {folder}: {error.strerror}') from None": (
        "needs a disk that fails while a folder is listed: what may not be read is passed over"
    ),
    "ledger/norm:check_update_proof: raise"
    " Violation('BAD_PROOF_FILE', expected, f'{len(content)} bytes')": (
        "what has such a size is no proof either, and a file of evidence cannot hold it; the code"
        " is for who would accuse: tests.test_ledger_norm"
    ),
    "ledger/audit/replica:_check_seal: self._settle(PENDING_COUNT_MAX)": (
        "bounds the memory; what is pending is settled at the end as well, in the same order"
    ),
}
"""Checks that no run directory can show to be missing, and why."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case with what the whole verifier says of it."""
    directory = tmp_path_factory.mktemp("cases")
    write_all(directory)
    for name in CORPUS:
        shutil.copytree(HERE / folder(name), directory / f"corpus-{name}")
    for case in directory.iterdir():
        (case / EXPECT).write_text(json.dumps(judged_with_doubts(case)))
    return directory


def outcomes(cases: Path, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """For each mutant the first case that was judged differently, or a hyphen."""
    command = [sys.executable, "-m", "tests.corpus.mutants", str(cases)]
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, *map(str, numbers[part::PROCESSES])],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for part in range(PROCESSES)
            if numbers[part::PROCESSES]
        ]
        for process in running:
            output, _ = process.communicate()
            assert process.returncode == 0
            for line in output.splitlines():
                number, _, case = line.partition(" ")
                yield int(number), case


def test_every_check_that_is_taken_out_is_missed_by_some_case(cases: Path) -> None:
    everything = mutants()
    numbers = [
        number
        for number, mutant in enumerate(everything)
        if CAMPAIGN or (number % SAMPLE == 0 and mutant.name not in EQUIVALENT)
    ]
    found = dict(outcomes(cases, numbers))
    assert sorted(found) == numbers
    survivors = {everything[number].name for number in numbers if found[number] == SURVIVED}
    assert sorted(survivors - EQUIVALENT.keys()) == []
    if CAMPAIGN:
        assert sorted(EQUIVALENT.keys() - survivors) == []


def test_every_check_that_is_said_to_be_equivalent_is_there() -> None:
    assert sorted(EQUIVALENT.keys() - {mutant.name for mutant in mutants()}) == []


def test_a_verifier_without_any_change_is_noticed_by_no_case(cases: Path) -> None:
    """The harness itself judges as the audit does: a survivor is possible."""
    names = [mutant.name for mutant in mutants()]
    number = next(number for number, name in enumerate(names) if name in EQUIVALENT)
    assert dict(outcomes(cases, [number])) == {number: SURVIVED}
