"""``tclearn quorums …`` and ``tclearn proof …``: what needs no run."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .options import JsonOption


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
