"""``tclearn study``: plan, compute, keep, say what came out."""

import shlex
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.errors import StoreError

from ..run_directory import check_writable
from ..studies.cell import versions
from ..studies.coordinate import carry_out
from ..studies.engines.engine import Engine, EngineName, choose
from ..studies.errors import StudyError
from ..studies.identity import differences, identity_of
from ..studies.plan import Plan, plan
from ..studies.source import load, resolved, resolved_yaml
from ..studies.store import (
    RESULTS_FILE,
    STUDY_FILE,
    SUMMARY_FILE,
    StudyDirectory,
    as_json,
    existing,
    new_directory,
)
from ..studies.summary import summarise
from .output import stdout_reserved, write_json
from .stopping import Stop, stop_on_signal
from .study_progress import progress_of
from .study_table import print_results
from .voice import say

STUDIES_FOLDER = Path("studies")
"""Where studies go unless ``--out`` says otherwise."""
UNDECIDED_STATUS = 3
"""A threshold was not decided within the replications."""


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """What was typed."""

    source: str
    """A name of the library, or the path of a file."""
    workers: int | None
    """Processes of this machine; None for as many as it has processors."""
    engine: EngineName
    """Who computes."""
    scheduler: str | None
    """The address of a Dask scheduler."""
    resume: bool
    """Whether to go on with what is there."""
    out: Path | None
    """Where to put the study."""
    overrides: tuple[str, ...]
    """Settings of the study."""
    seed: str | None
    """The seed, if it is replaced."""

    def settings(self) -> tuple[str, ...]:
        """All settings."""
        return self.overrides if self.seed is None else (*self.overrides, f"seed={self.seed}")

    def command(self, *more: str) -> str:
        """The command that gives the same study again."""
        words = ["tclearn", "study", self.source]
        if self.workers is not None:
            words += ["--workers", str(self.workers)]
        if self.engine != "local":
            words += ["--engine", self.engine]
        if self.scheduler is not None:
            words += ["--scheduler", self.scheduler]
        for setting in self.overrides:
            words += ["--set", setting]
        if self.seed is not None:
            words += ["--seed", self.seed]
        return shlex.join([*words, *more])


def study_command(request: StudyRequest, as_json: bool, quiet: bool) -> int:
    """Run a study; the exit status."""
    planned = plan(load(request.source, request.settings()))
    check_writable(request.out or STUDIES_FOLDER)
    identity = identity_of(planned)
    with (
        stdout_reserved(as_json),
        stop_on_signal("stopping; what is computed is kept") as stop,
        closing(choose(request.engine, request.workers, request.scheduler)) as engine,
        _directory(request, planned, identity) as directory,
    ):
        results = _run(request, planned, directory, identity, engine, stop, quiet)
    if results is None:
        say(f"to go on: {_resume(request, directory)}")
        return 128 + (stop.signal() or 0)
    if as_json:
        write_json({**results, "study_dir": str(directory.path)})
    elif not quiet:
        print_results(results, directory.path)
    return _status(results)


def _status(results: dict[str, Any]) -> int:
    if any(not each["decided"] for each in results["thresholds"]):
        return UNDECIDED_STATUS
    return 0 if results["as_expected"] else 1


def _run(
    request: StudyRequest,
    planned: Plan,
    directory: StudyDirectory,
    identity: str,
    engine: Engine,
    stop: Stop,
    quiet: bool,
) -> dict[str, Any] | None:
    """Compute what is missing; the results, or None if a signal came first."""
    beginning = {
        "status": "running",
        "study": planned.study.name,
        "seed": planned.study.seed,
        "identity": identity,
        "environment": versions(planned.study.fidelity),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "repeat": request.command(),
    }
    directory.write(STUDY_FILE, resolved_yaml(planned.file).encode())
    directory.write(SUMMARY_FILE, as_json(beginning))
    try:
        with progress_of(planned, hidden=quiet) as progress:
            whole = carry_out(planned, directory, identity, engine, progress, stop.asked)
        if not whole:
            directory.write(SUMMARY_FILE, as_json({**beginning, "status": "interrupted"}))
            return None
        results = summarise(planned, directory, identity)
        directory.write(RESULTS_FILE, as_json(results))
    except Exception as error:
        failed = {**beginning, "status": "failed", "reason": str(error) or type(error).__name__}
        with suppress(StoreError):
            directory.write(SUMMARY_FILE, as_json(failed))
        error.add_note(f"what is computed is kept; to go on: {_resume(request, directory)}")
        raise
    directory.tidy()
    directory.write(SUMMARY_FILE, as_json({**beginning, "status": "finished"}))
    return results


def _resume(request: StudyRequest, directory: StudyDirectory) -> str:
    return request.command("--out", str(directory.path), "--resume")


def _directory(request: StudyRequest, planned: Plan, identity: str) -> StudyDirectory:
    """The directory to write, held by this process.

    Raises:
        StudyError: There is another study in it.
        StoreError: Another process writes it, or it cannot be made.
    """
    name = planned.study.name
    if not request.resume:
        return new_directory(request.out, STUDIES_FOLDER, name)
    refusal: StudyError | None = None
    for directory in existing(request.out, STUDIES_FOLDER, name):
        found = directory.summary()
        if found is None:
            continue
        if found.get("identity") == identity:
            directory.take()
            return directory
        refusal = refusal or _other(directory.path, found, planned)
    if refusal is not None:
        raise refusal
    return new_directory(request.out, STUDIES_FOLDER, name)


def _other(path: Path, found: dict[str, Any], planned: Plan) -> StudyError:
    """Say in what the study of a directory differs from this one."""
    remedy = "give another directory with --out, or leave out --resume"
    there = found.get("environment")
    here = versions(planned.study.fidelity)
    for name, before, now in differences(there if isinstance(there, dict) else {}, here):
        return StudyError(
            f"{path} holds results of another version: made with {name} {before}, and this is "
            f"{now}; {remedy}"
        )
    from ..studies.source import parse

    what = "a file of its differs"
    with suppress(Exception):  # whatever that file is, it is another study
        text = (path / STUDY_FILE).read_text("utf-8")
        before_tree = resolved(parse(text, STUDY_FILE, path))
        for name, before, now in differences(before_tree, resolved(planned.file)):
            what = f"{name} is {_shown(before)} there, and {_shown(now)} here"
            break
    return StudyError(f"{path} holds results of another study: {what}; {remedy}")


def _shown(value: object) -> str:
    if value is None:
        return "absent"
    from ..errors import shown

    return shown(str(value))
