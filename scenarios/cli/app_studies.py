"""``tclearn study`` and ``tclearn calibrate``: many runs."""

import typer

studies_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
