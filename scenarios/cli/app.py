"""The commands and their options; each command's work is a module of its own, loaded when run."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="tclearn",
    help=(
        "Simulate a coalition of hospitals that learn a model together and trust nobody blindly:"
        " run scenarios, audit the ledgers they leave."
    ),
    epilog=(
        "Examples:  tclearn run quickstart  |  tclearn audit runs/quickstart  |"
        "  tclearn run quickstart --seed 7 --set rounds=20 --json"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name of `tclearn list`, or the path of a file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value: --set training.epochs=5."),
]


@app.command(epilog="Example:  tclearn run quickstart --seed 7 --out runs/seven")
def run(
    scenario: ScenarioArgument,
    seed: Annotated[int | None, typer.Option(help="Replace the scenario's seed.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to put the run; by default below ./runs.")
    ] = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a scenario and leave its ledgers, models, trace and tables in a directory.

    Exit status: 0 as the scenario expects, 1 not, 2 usage or I/O, 3 undecided.
    """
    from .run import run_command

    raise typer.Exit(run_command(scenario, seed, out, overrides or [], as_json, quiet))


@app.command(epilog="Example:  tclearn audit runs/quickstart --json")
def audit(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")],
    as_json: JsonOption = False,
) -> None:
    """Check every replica of a run's ledger, its signatures, its certificates and its models.

    Exit status: 0 valid, 1 invalid, 2 usage or I/O, 3 incomplete.
    """
    from .audit import audit_command

    raise typer.Exit(audit_command(directory, as_json))


@app.command("list", epilog="Example:  tclearn list")
def list_(as_json: JsonOption = False) -> None:
    """List the scenarios that come with the program."""
    from .catalog import list_command

    list_command(as_json)


@app.command(epilog="Example:  tclearn show quickstart --resolved > mine.yaml")
def show(
    scenario: ScenarioArgument,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Spell out every default, overrides applied.")
    ] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a scenario as it was written, or with every default spelled out."""
    from .catalog import show_command

    show_command(scenario, resolved, overrides or [], as_json)


@app.command(epilog="Example:  tclearn schema > tclearn.schema.json")
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from .catalog import schema_command

    schema_command()


@app.command(epilog="Example:  tclearn doctor")
def doctor(as_json: JsonOption = False) -> None:
    """Say what is installed, which library signs, what is missing and how to get it."""
    from .doctor import doctor_command

    raise typer.Exit(doctor_command(as_json))
