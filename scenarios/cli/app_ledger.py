"""``tclearn ledger …``: the commands that look into a replica."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, RunArgument

ledger_app = typer.Typer(
    help="Look into a replica of a run's ledger, export it, prove that a record is in it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
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
