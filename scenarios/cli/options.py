"""The arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name of `tclearn list`, or the path of a file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value: --set training.epochs=5."),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")]
