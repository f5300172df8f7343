"""``tclearn study`` and ``tclearn calibrate``: many runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import JsonOption, ScenarioArgument

studies_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@studies_app.command(
    epilog=(
        "Examples:  tclearn study two-thirds  |  tclearn study mine.yaml --workers 4 --resume  |"
        "  tclearn study two-thirds --set 'sweep.hospitals=[4, 7]' --set replications=20 --json  |"
        "  tclearn study two-thirds --engine dask --scheduler tcp://10.0.0.1:8786"
    )
)
def study(
    source: Annotated[
        str, typer.Argument(metavar="STUDY", help="A name of `tclearn list`, or a file's path.")
    ],
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Processes of this machine; by default its processors."),
    ] = None,
    engine: Annotated[
        Literal["local", "dask"],
        typer.Option(help="Who computes: processes of this machine, or Dask workers."),
    ] = "local",
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="With dask: the scheduler, such as tcp://host:8786."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an earlier run of this study left.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Where to put the study; by default below ./studies.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value: --set replications=20."),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option(metavar="N", help="Replace the study's seed: short for --set seed=N."),
    ] = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a scenario again and again over its axes, and answer the study's question.

    What is computed is kept at once; a study that was stopped or killed goes on with --resume.
    Workers, engine and interruptions change no byte of the results.

    Exit status: 0 as the study expects, 1 not, 2 usage or I/O, 3 a threshold was not decided.
    """
    from .study import StudyRequest, study_command

    request = StudyRequest(
        source, workers, engine, scheduler, resume, out, tuple(overrides or ()), seed
    )
    raise typer.Exit(study_command(request, as_json, quiet))


@studies_app.command(
    epilog="Example:  tclearn calibrate quickstart --runs 50 --out quickstart.verdicts.yaml"
)
def calibrate(
    scenario: ScenarioArgument,
    runs: Annotated[int, typer.Option(min=2, metavar="N", help="How many runs.")] = 20,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Processes of this machine; by default its processors."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new file, for the key `calibration` of a study.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Replace the scenario's seed.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value: --set rounds=20."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how likely a hospital accepts candidates, good and poisoned, by real training."""
    from .calibrate import calibrate_command

    status = calibrate_command(scenario, runs, workers, out, seed, overrides or [], as_json)
    raise typer.Exit(status)
