"""``tclearn report``, ``compare`` and ``replay``: what came out of runs and studies."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, RunArgument

reports_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class FigureFormat(StrEnum):
    """What a figure is written as."""

    SVG = "svg"
    PNG = "png"


@reports_app.command(
    epilog=(
        "Examples:  tclearn report runs/quickstart  |  tclearn report runs/quickstart --slot 7"
        "  |  tclearn report studies/two-thirds --figures paper/figures"
    )
)
def report(
    directory: Annotated[
        Path, typer.Argument(metavar="RUN|STUDY", help="The directory of a run or of a study.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page; by default beside the directory."),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each chart to a file there, too.")
    ] = None,
    form: Annotated[
        FigureFormat | None, typer.Option("--format", help="What figures are; by default svg.")
    ] = None,
    slot: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="N", help="A slot whose messages to show; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page to look at: one file, without a network, that opens in any browser.

    Exit status: 0 written, 2 usage or I/O.
    """
    from .report import ReportRequest, report_command

    chosen = None if form is None else form.value
    request = ReportRequest(directory, out, figures, chosen, tuple(slot or ()))
    raise typer.Exit(report_command(request, as_json))


@reports_app.command(epilog="Example:  tclearn compare runs/quickstart runs/fedavg")
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="The directories of 2 to 10 runs.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Set runs side by side: what was asked for, what came out, what it cost.

    Of two runs with one genesis it says where their chains part.
    """
    from .compare import compare_command

    raise typer.Exit(compare_command(runs, as_json))


@reports_app.command(
    epilog=(
        "Examples:  tclearn replay runs/quickstart  |"
        "  tclearn replay runs/quickstart --node hospital-2 --until 5"
    )
)
def replay(
    directory: RunArgument,
    until: Annotated[
        int | None,
        typer.Option(metavar="SLOT", min=1, help="Replay up to this slot, and show it in full."),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option(metavar="HOSPITAL", help="Show what this hospital knew and decided."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Do a run again from its inputs; compare every block and every line of its trace.

    Exit status: 0 the same, 1 it differs, 2 usage or I/O, 3 incomplete.
    """
    from .replay import replay_command

    raise typer.Exit(replay_command(directory, until, node, as_json))
