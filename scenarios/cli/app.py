"""The commands and their options; each command's work is a module of its own, loaded when run."""

from pathlib import Path
from typing import Annotated

import typer

from .app_ledger import ledger_app
from .app_quorums import norm_proof_app, quorums_app
from .app_reports import reports_app
from .app_studies import studies_app
from .options import JsonOption, ScenarioArgument, SetOption

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
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog="Example:  tclearn run quickstart --seed 7 --out runs/seven")
def run(
    scenario: ScenarioArgument,
    seed: Annotated[
        str | None,
        typer.Option(metavar="N", help="Replace the scenario's seed: short for --set seed=N."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to put the run; by default below ./runs.")
    ] = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a scenario; its ledgers, models and tables go to a directory.

    Exit status: 0 as the scenario expects, 1 not, 2 usage or I/O, 3 undecided.
    """
    from .run import run_command

    raise typer.Exit(run_command(scenario, seed, out, overrides or [], as_json, quiet))


@app.command(
    epilog=(
        "Examples:  tclearn explore majority-twin  |  tclearn explore two-thirds-twin --limit 30s"
        "  |  tclearn explore mine.yaml --set hospitals=4 --faulty 2 --limit 100000  |"
        "  tclearn explore majority-twin --case l0/t1/AAABBB/000011"
    )
)
def explore(
    scenario: ScenarioArgument,
    rounds: Annotated[
        int, typer.Option(metavar="N", help="How often the network may be cut anew.")
    ] = 2,
    limit: Annotated[
        str,
        typer.Option(
            metavar="COUNT|TIME",
            help="Stop after so many cases or so long ('30 s'); with fewer cases than there are,"
            " they are drawn by lot.",
        ),
    ] = "30000",
    span: Annotated[
        int | None,
        typer.Option(metavar="N", help="Rounds a cut lasts; by default as a decision takes."),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(metavar="N", help="Rounds the last cut lasts; by default as the others."),
    ] = None,
    faulty: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How many hospitals may run twice; by default as many as the scenario's twins,"
            " else a third.",
        ),
    ] = None,
    values: Annotated[int, typer.Option(metavar="N", help="How many values: up to 3.")] = 2,
    patience: Annotated[
        int, typer.Option(min=1, max=1000, help="Rounds that the first timeout lasts.")
    ] = 4,
    mutations: Annotated[
        bool, typer.Option("--mutations", help="Change one field of one message of a twin, too.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="Messages across a cut are lost; else they wait.")
    ] = False,
    free: Annotated[
        bool,
        typer.Option(
            "--free",
            help="Everybody may decide every value from the beginning; else only its own, until"
            " the network is whole.",
        ),
    ] = False,
    termination: Annotated[
        bool, typer.Option("--termination", help="Not to decide is a violation, too.")
    ] = False,
    no_symmetry: Annotated[
        bool, typer.Option("--no-symmetry", help="Count cases apart that differ by names only.")
    ] = False,
    case: Annotated[
        str | None, typer.Option(metavar="ID", help="Play this case only, and print it.")
    ] = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try every twin, cut and value that can break a small system; stop at the first violation.

    Protocol, quorum sets and seed come from the scenario; there is no training, ledger or chance.

    Exit status: 0 nothing found, or as the scenario expects; 1 a violation; 2 usage; 3 nothing was
    explored.
    """
    from .explore import ExploreRequest, explore_command

    request = ExploreRequest(
        scenario,
        rounds,
        span,
        last,
        limit,
        faulty,
        values,
        patience,
        mutations,
        drop,
        free,
        termination,
        not no_symmetry,
        case,
        tuple(overrides or ()),
    )
    raise typer.Exit(explore_command(request, as_json))


@app.command(epilog="Example:  tclearn audit runs/quickstart --level L5 --anchor kept/anchor.json")
def audit(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")],
    level: Annotated[
        str,
        typer.Option(
            help="L0 structure, L1 chain, L2 signatures, L3 models, L4 verdicts judged again,"
            " L5 the run replayed."
        ),
    ] = "L3",
    anchor: Annotated[
        Path | None, typer.Option(help="An anchor that was kept outside the run.")
    ] = None,
    replica: Annotated[
        list[Path] | None,
        typer.Option(help="A ledger directory kept elsewhere, to compare with; repeatable."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A witness policy (C2SP tlog-policy) to satisfy.")
    ] = None,
    resume_from: Annotated[
        Path | None,
        typer.Option(help="The --json report of an earlier audit: seals it checked are trusted."),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="A folder for what convicts the culprits of a fork."),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, max=256, help="Threads that verify signatures.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Check a run's ledgers: chains, signatures, certificates, models.

    Exit status: 0 valid, 1 invalid, 2 usage or I/O, 3 incomplete.
    """
    from .audit import AuditRequest, audit_command, level_named

    request = AuditRequest(
        level_named(level), threads, anchor, tuple(replica or ()), policy, resume_from, evidence
    )
    raise typer.Exit(audit_command(directory, request, as_json))


@app.command(epilog="Example:  tclearn anchor runs/quickstart --out kept/quickstart.anchor.json")
def anchor(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to put it; by default beside the run.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the signed heads of a run to a file, to be kept elsewhere.

    Later, `tclearn audit RUN --anchor FILE` sees every rewrite of what stood there.
    """
    from .anchor import anchor_command

    raise typer.Exit(anchor_command(directory, out, as_json))


@app.command(
    epilog="Example:  tclearn evidence FILE --genesis runs/x/ledger/hospital-1/00000000.seg"
)
def evidence(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of evidence.")],
    genesis: Annotated[Path, typer.Option(help="The first segment of a replica that you trust.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a file of evidence proves, and against whom.

    Exit status: 0 proven, 1 not proven, 2 usage or I/O.
    """
    from .evidence import evidence_command

    raise typer.Exit(evidence_command(file, genesis, as_json))


@app.command("list", epilog="Example:  tclearn list")
def list_(as_json: JsonOption = False) -> None:
    """List the scenarios and studies that come with the program."""
    from .catalog import list_command

    list_command(as_json)


@app.command(epilog="Example:  tclearn show quickstart --resolved > mine.yaml")
def show(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|STUDY", help="A name of `tclearn list`, or the path of a file."
        ),
    ],
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Spell out every default, overrides applied.")
    ] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a scenario or a study as written, or with every default spelled out."""
    from .catalog import show_command

    show_command(scenario, resolved, overrides or [], as_json)


@app.command(epilog="Example:  tclearn schema > tclearn.schema.json")
def schema(
    study: Annotated[bool, typer.Option("--study", help="Of study files instead.")] = False,
) -> None:
    """Print the JSON Schema of scenario files or study files, for editors."""
    from .catalog import schema_command

    schema_command(study)


@app.command(epilog="Example:  tclearn doctor")
def doctor(as_json: JsonOption = False) -> None:
    """Say what is installed, what signs, and how to get what is missing."""
    from .doctor import doctor_command

    raise typer.Exit(doctor_command(as_json))


app.add_typer(studies_app)
app.add_typer(reports_app)
app.add_typer(ledger_app, name="ledger")
app.add_typer(quorums_app, name="quorums")
app.add_typer(norm_proof_app, name="proof")
