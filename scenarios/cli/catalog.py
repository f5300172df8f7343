"""``tclearn list``, ``show`` and ``schema``: what scenarios there are and what they may say."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table

from ..source import json_schema, library, load, read_text, resolved_yaml
from ..source import resolved as resolved_values
from .output import console, write_json, write_text


def list_command(as_json: bool) -> None:
    """Print the library."""
    entries = library()
    if as_json:
        write_json({"scenarios": [{"name": e.name, "description": e.description} for e in entries]})
        return
    widest = max(len(entry.name) for entry in entries)
    name = Column("scenario", no_wrap=True, min_width=widest)
    table = Table(name, "what happens", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(entry.name, escape(entry.description))
    console().print(table)


def show_command(name: str, resolved: bool, overrides: Sequence[str], as_json: bool) -> None:
    """Print a scenario; it is checked first."""
    scenario = load(name, overrides)
    if as_json:
        write_json(resolved_values(scenario))
        return
    text = resolved_yaml(scenario) if resolved or overrides else read_text(name)
    write_text(text)


def schema_command() -> None:
    """Print the JSON Schema."""
    write_json(json_schema())
