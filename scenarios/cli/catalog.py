"""``tclearn list``, ``show`` and ``schema``: what there is, and what files may say."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table

from ..source import LibraryEntry, json_schema, library, load, read_text, resolved_yaml
from ..source import resolved as resolved_values
from ..studies import schema as study_schema
from ..studies import source as studies
from .output import console, write_json, write_text


def list_command(as_json: bool) -> None:
    """Print the libraries."""
    found = {"scenarios": library(), "studies": studies.library()}
    if as_json:
        write_json(
            {
                kind: [{"name": each.name, "description": each.description} for each in entries]
                for kind, entries in found.items()
            }
        )
        return
    widest = max(len(entry.name) for entries in found.values() for entry in entries)
    _print("scenario", "what happens", found["scenarios"], widest)
    console().print()
    _print("study", "what is asked", found["studies"], widest)


def _print(kind: str, words: str, entries: Sequence[LibraryEntry], widest: int) -> None:
    table = Table(Column(kind, no_wrap=True, min_width=widest), words, box=None, pad_edge=False)
    for entry in entries:
        table.add_row(entry.name, escape(entry.description))
    console().print(table)


def show_command(name: str, resolved: bool, overrides: Sequence[str], as_json: bool) -> None:
    """Print a scenario or a study; it is checked first."""
    if studies.is_study(name):
        _show_study(name, resolved, overrides, as_json)
        return
    scenario = load(name, overrides)
    if as_json:
        write_json(resolved_values(scenario))
        return
    text = resolved_yaml(scenario) if resolved or overrides else read_text(name)
    write_text(text)


def _show_study(name: str, resolved: bool, overrides: Sequence[str], as_json: bool) -> None:
    from ..studies.plan import plan

    file = studies.load(name, overrides)
    plan(file)
    if as_json:
        write_json(studies.resolved(file))
        return
    text = studies.resolved_yaml(file) if resolved or overrides else studies.read_text(name)
    write_text(text)


def schema_command(of_studies: bool) -> None:
    """Print the JSON Schema."""
    write_json(study_schema.json_schema() if of_studies else json_schema())
