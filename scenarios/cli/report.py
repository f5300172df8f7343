"""``tclearn report``: a run or a study as one page to look at, and as figures for a paper."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ledger.audit.compare import SUMMARY_FILE as RUN_FILE
from ledger.durability import replace_file

from ..reports.animation import AnimationPart
from ..reports.document import render
from ..reports.figures import Format, write_figures
from ..reports.page_parts import Page, charts_of
from ..reports.words import size
from ..results.errors import ReportError
from ..studies.store import SUMMARY_FILE as STUDY_FILE
from .output import console, quoted, write_json

SUFFIX = ".report.html"
"""How a report is called that is not called otherwise: like what it is about, and this."""
_BEGINNING = b"<!doctype html>"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is asked for."""

    directory: Path
    """A run or a study."""
    out: Path | None
    """Where the page goes; beside the directory if None."""
    figures: Path | None
    """A folder for the figures; none are written if None."""
    form: str | None
    """``svg`` or ``png``; SVG if None."""
    slots: tuple[int, ...]
    """Slots whose messages the page is to have in any case."""


def report_command(request: ReportRequest, as_json: bool) -> int:
    """Write a report; the exit status.

    Raises:
        OSError: When a file cannot be written.
        ReportError: When there is nothing to report, or a library is missing.
    """
    if request.form is not None and request.figures is None:
        raise ReportError("--format says how figures are written; give --figures DIR with it")
    kind = _kind(request.directory)
    out = request.out or _beside(request.directory)
    _check_replaceable(out)
    with _progress(as_json) as progress:
        page = _page(request, kind, progress)
        progress("writing the page")
        html = render(page).encode()
        replace_file(out, html)
        figures: Sequence[Path] = ()
        if request.figures is not None:
            progress("drawing figures")
            figures = write_figures(
                charts_of(page), request.figures, cast(Format, request.form or "svg")
            )
    said = {
        "report": str(out),
        "kind": kind,
        "size_bytes": len(html),
        "verdict": page.verdict.words,
        "slots": _slots(page),
        "figures": [str(path) for path in figures],
    }
    if as_json:
        write_json(said)
    else:
        _print(said)
    return 0


def _kind(directory: Path) -> str:
    """Whether a directory is a run or a study.

    Raises:
        ReportError: When it is neither.
    """
    if (directory / RUN_FILE).is_file():
        return "run"
    if (directory / STUDY_FILE).is_file():
        return "study"
    what = f"it has neither {RUN_FILE} nor {STUDY_FILE}" if directory.is_dir() else "no directory"
    raise ReportError(
        f"{directory} is neither a run nor a study: {what}; give a directory that tclearn run or "
        "tclearn study wrote"
    )


def _beside(directory: Path) -> Path:
    whole = directory.resolve()
    return (
        directory.parent / f"{directory.name}{SUFFIX}"
        if directory.name not in ("", "..")
        else (whole.parent / f"{whole.name}{SUFFIX}")
    )


def _check_replaceable(out: Path) -> None:
    """Check that nothing is lost when the page is written.

    Raises:
        ReportError: When something else stands there.
    """
    if out.is_dir():
        raise ReportError(f"cannot write the report {out}: it is a directory; give a file")
    if not out.parent.is_dir():
        raise ReportError(f"cannot write the report {out}: there is no directory {out.parent}")
    if out.exists():
        with out.open("rb") as file:
            if file.read(len(_BEGINNING)) != _BEGINNING:
                raise ReportError(f"{out} is there already and no report; give another --out")


def _page(request: ReportRequest, kind: str, progress: "_Progress") -> Page:
    # pandas and the like take a second: once there is something to read.
    if kind == "run":
        from ..reports.run_report import run_page
        from ..results.run import load_run

        return run_page(load_run(request.directory), request.slots, progress)
    if request.slots:
        raise ReportError("--slot is for the report of a run; a study has no slots")
    from ..reports.study_report import study_page
    from ..results.study import load_study

    progress("reading the study")
    return study_page(load_study(request.directory))


def _slots(page: Page) -> dict[str, Any] | None:
    """Which slots can be played; None where there are none."""
    for section in page.sections:
        for part in section.parts:
            if isinstance(part, AnimationPart):
                shown = [each.slot for each in part.slots]
                return {"shown": shown, "left_out": list(part.left_out)}
    return None


class _Progress(AbstractContextManager["_Progress"]):
    """Tells a person what is being done, while it is."""

    def __init__(self, hidden: bool) -> None:
        voice = console(error=True)
        self._status = nullcontext() if hidden or not voice.is_terminal else voice.status("reading")

    def __enter__(self) -> "_Progress":
        self._status.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._status.__exit__(*error)

    def __call__(self, what: str) -> None:
        if not isinstance(self._status, nullcontext):
            self._status.update(what)


def _progress(as_json: bool) -> _Progress:
    return _Progress(as_json)


def _print(said: dict[str, Any]) -> None:
    out = console()
    out.print(f"{quoted(said['verdict'])}")
    slots = said["slots"]
    if slots is not None and slots["left_out"]:
        count = len(slots["left_out"])
        out.print(f"messages of {count} slots have no room in it; ask for one with --slot N")
    for path in said["figures"]:
        out.print(f"figure      {quoted(path)}")
    out.print(f"report      {quoted(said['report'])}, {size(said['size_bytes'])}")
