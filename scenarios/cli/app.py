"""The commands and their options; each command's work is a module of its own, loaded when run."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
    """Print a scenario as written, or with every default spelled out."""
    from .catalog import show_command

    show_command(scenario, resolved, overrides or [], as_json)


@app.command(epilog="Example:  tclearn schema > tclearn.schema.json")
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from .catalog import schema_command

    schema_command()


@app.command(epilog="Example:  tclearn doctor")
def doctor(as_json: JsonOption = False) -> None:
    """Say what is installed, what signs, and how to get what is missing."""
    from .doctor import doctor_command

    raise typer.Exit(doctor_command(as_json))


ledger_app = typer.Typer(
    help="Look into a replica of a run's ledger, export it, prove that a record is in it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(ledger_app, name="ledger")

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")]
ReplicaOption = Annotated[str | None, typer.Option(help="Which replica; by default the first one.")]


@ledger_app.command("log", epilog="Example:  tclearn ledger log runs/quickstart")
def ledger_log(
    directory: RunArgument, replica: ReplicaOption = None, as_json: JsonOption = False
) -> None:
    """List the history of a replica, one block a line."""
    from .ledger import log_command

    raise typer.Exit(log_command(directory, replica, as_json))


@ledger_app.command("show", epilog="Example:  tclearn ledger show runs/quickstart 5")
def ledger_show(
    directory: RunArgument,
    height: Annotated[int, typer.Argument(min=0, help="The height of the block.")],
    replica: ReplicaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one block: what was agreed on, who judged how, who voted."""
    from .ledger import show_command

    raise typer.Exit(show_command(directory, height, replica, as_json))


@ledger_app.command("export", epilog="Example:  tclearn ledger export runs/quickstart --csv")
def ledger_export(
    directory: RunArgument,
    replica: ReplicaOption = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="A table of the history instead of JSON lines.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A new file; by default stdout.")] = None,
) -> None:
    """Export a replica: every block as a line of JSON, or the history as CSV."""
    from .ledger import export_command

    raise typer.Exit(export_command(directory, replica, "csv" if as_csv else "json", out))


@ledger_app.command("prove", epilog="Example:  tclearn ledger prove runs/quickstart 5")
def ledger_prove(
    directory: RunArgument,
    height: Annotated[int, typer.Argument(min=0, help="The height of the block.")],
    replica: ReplicaOption = None,
    out: Annotated[Path | None, typer.Option(help="Where to put the proof.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a proof that a record is in a replica's log, and the record beside it."""
    from .proof import prove_command

    raise typer.Exit(prove_command(directory, height, replica, out, as_json))


@ledger_app.command(
    "verify-proof",
    epilog="Example:  tclearn ledger verify-proof P.tlog-proof P.record --genesis SEGMENT",
)
def ledger_verify_proof(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="The proof.")],
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="The record it is about.")],
    genesis: Annotated[Path, typer.Option(help="The first segment of a replica that you trust.")],
    policy: Annotated[
        Path | None,
        typer.Option(help="A witness policy; by default more than two thirds of the hospitals."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check such a proof against a cosigned checkpoint alone, without the ledger."""
    from .proof import verify_command

    raise typer.Exit(verify_command(proof, record, genesis, policy, as_json))


class _FileFirst(TyperGroup):
    """Takes ``quorums FILE`` for ``quorums of FILE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in that was left out."""
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["of", *args]
        return super().parse_args(ctx, args)


quorums_app = typer.Typer(
    help=(
        "Say who can halt a network by failing and who can split it by lying: `quorums FILE`;"
        " or propose quorum sets: `quorums suggest`."
    ),
    epilog=(
        "Examples:  tclearn quorums quickstart  |  tclearn quorums nodes.json --merge-by org"
        "  |  tclearn quorums suggest --organisations 3,3,3,3 --survive 2"
    ),
    cls=_FileFirst,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(quorums_app, name="quorums")

LimitOption = Annotated[
    str, typer.Option(metavar="TIME", help="The time for each question: 500ms, 10s, 2min.")
]


@quorums_app.command(
    "of", epilog="Example:  tclearn quorums nodes.json --organisations orgs.json --merge-by org"
)
def quorums_of(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|SCENARIO",
            help="JSON of stellarbeat, MobileCoin, stellar-core or python-fbas; or a scenario.",
        ),
    ],
    merge_by: Annotated[
        str | None,
        typer.Option(metavar="ATTRIBUTE", help="Ask about groups, too: org, country, isp …"),
    ] = None,
    organisations: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Who runs each node (stellarbeat's list).")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODES", help="Nodes, names or organisations that have failed; A,B or repeated."
        ),
    ] = None,
    limit: LimitOption = "10s",
    as_json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Draw who trusts whom into an HTML file.")
    ] = None,
) -> None:
    """Say who can halt a network by failing and who can split it by lying.

    Exit status: 0 every two quorums meet, 1 two do not or there is none, 2 usage or I/O,
    3 the limit came first.
    """
    from .quorums import QuorumsRequest, quorums_command

    request = QuorumsRequest(
        source, merge_by, organisations, tuple(without or ()), limit, as_json, html
    )
    raise typer.Exit(quorums_command(request))


@quorums_app.command(
    "suggest",
    epilog="Example:  tclearn quorums suggest --organisations 3,3,3,3 --survive 2 --lying 3",
)
def quorums_suggest(
    source: Annotated[
        str | None, typer.Argument(metavar="[FILE|SCENARIO]", help="Whose hospitals they are for.")
    ] = None,
    organisations: Annotated[
        str | None,
        typer.Option(metavar="N,N…", help="Instead: how many hospitals each organisation has."),
    ] = None,
    survive: Annotated[
        int, typer.Option(min=0, help="Hospitals that may fail, whichever, and the rest goes on.")
    ] = 0,
    lying: Annotated[
        int, typer.Option(min=0, help="Hospitals that may lie together, and the rest agrees.")
    ] = 0,
    survive_organisations: Annotated[
        int, typer.Option(min=0, help="The same of organisations, each with all its hospitals.")
    ] = 0,
    lying_organisations: Annotated[
        int, typer.Option(min=0, help="The same of organisations, each with all its hospitals.")
    ] = 0,
    limit: LimitOption = "30s",
    as_json: JsonOption = False,
) -> None:
    """Propose quorum sets that bear failures and lies, with the proof; or prove that none can.

    Exit status: 0 proposed, 1 proved impossible, 2 usage or I/O, 3 neither.
    """
    from ..trust.suggest import Wish
    from .quorums import suggest_command

    wish = Wish(survive, lying, survive_organisations, lying_organisations)
    raise typer.Exit(suggest_command(source, organisations, wish, limit, as_json))


norm_proof_app = typer.Typer(
    help="Prove that an update is small without showing it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(norm_proof_app, name="proof")


@norm_proof_app.command("demo", epilog="Example:  tclearn proof demo --length 1000000")
def norm_proof_demo(
    length: Annotated[
        int, typer.Option(min=2, max=3_000_000, help="How many integers the update has.")
    ] = 108_996,
    bound: Annotated[
        int, typer.Option(min=1, max=2**14, help="The norm that is proven, and no more.")
    ] = 2**14,
    as_json: JsonOption = False,
) -> None:
    """Prove and verify a random update, then refuse five cheats, with times and sizes.

    Exit status: 0 the verdicts are right, 1 one is not.
    """
    from .norm_proof import demo

    raise typer.Exit(demo(length, bound, as_json))
