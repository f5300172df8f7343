"""``tclearn report``, ``compare`` and ``replay``: what came out of runs and studies."""

import typer

reports_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
