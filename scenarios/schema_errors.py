"""The errors of the schema as sentences for the author of a scenario file.

pydantic says where in its models something failed; here that becomes a YAML path, what was expected
and found, and a suggestion where a name is close. The grammar is the JSON Schema of the models.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .schema_fields import kind_of
from .schema_relations import Break, Path

Grammar: TypeAlias = Mapping[str, Any]
"""A JSON Schema."""


_MAPPING: Final = frozenset({"properties", "additionalProperties"})
"""The keywords of a JSON Schema that are those of a mapping."""


def sentences(error: ValidationError, grammar: Grammar) -> Iterator[Break]:
    """Return the YAML path and the sentence of each error."""
    for details in error.errors(include_url=False):
        path, schemas = _follow(details["loc"], grammar)
        kind = details["type"]
        if kind == "extra_forbidden":
            yield path, _unknown_key(str(path[-1]), _known_keys(path, details["loc"], grammar))
        elif kind == "missing":
            yield path, _missing(schemas)
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            yield _wrong_tag(path, details, schemas)
        else:
            yield path, _PHRASES.get(kind, _as_pydantic_says)(details)


def default_at(path: Path, grammar: Grammar) -> object:
    """Return the default of the field at a YAML path, or None."""
    _, schemas = _follow(path, grammar)
    return next((schema["default"] for schema in schemas if "default" in schema), None)


def _unknown_key(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    advice = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    return f"unknown key; {advice}"


def _known_keys(path: Path, loc: Path, grammar: Grammar) -> list[str]:
    _, parents = _follow(loc[:-1], grammar)
    taken = {str(path[-1])}
    return [key for parent in parents for key in parent.get("properties", ()) if key not in taken]


def _missing(schemas: list[Grammar]) -> str:
    said = next((schema["description"] for schema in schemas if "description" in schema), "")
    return f"missing; {said[:1].lower()}{said[1:].rstrip('.')}" if said else "missing"


def _wrong_tag(path: Path, details: ErrorDetails, schemas: list[Grammar]) -> Break:
    """Word the error of a key that says which kind of section this is."""
    key = details["ctx"]["discriminator"].strip("'")
    known = [
        tag
        for schema in schemas
        if schema.get("discriminator", {}).get("propertyName") == key
        for tag in schema["discriminator"]["mapping"]
    ]
    found = details["input"]
    if not isinstance(found, dict) or key not in found:
        return (*path, key), f"missing; expected {_one_of(known)}"
    return (*path, key), _not_one_of(known, found[key])


def _one_of(known: list[str]) -> str:
    return known[0] if len(known) == 1 else f"one of {', '.join(known)}"


def _not_one_of(known: list[str], found: object) -> str:
    near = get_close_matches(found, known, n=1) if isinstance(found, str) else []
    advice = f"; did you mean '{near[0]}'?" if near else ""
    return f"expected {_one_of(known)}, found {kind_of(found)}{advice}"


def _literal(details: ErrorDetails) -> str:
    known = re.findall(r"'([^']*)'", details["ctx"]["expected"])
    return _not_one_of(known, details["input"])


def _expected(what: str) -> Callable[[ErrorDetails], str]:
    """Word an error by what was expected; ``{…}`` stands for a limit in the error's context."""

    def phrase(details: ErrorDetails) -> str:
        limits = {
            name: f"{limit:g}" if isinstance(limit, float) else limit
            for name, limit in details.get("ctx", {}).items()
        }
        return f"expected {what.format(**limits)}, found {kind_of(details['input'])}"

    return phrase


def _length(bound: str, limit: str) -> Callable[[ErrorDetails], str]:
    """Word the error of a text or a list that is too long or too short."""

    def phrase(details: ErrorDetails) -> str:
        found, count = details["input"], details["ctx"][limit]
        one, more = ("character", "characters") if isinstance(found, str) else ("entry", "entries")
        return f"expected at {bound} {count} {one if count == 1 else more}, found {len(found)}"

    return phrase


def _as_pydantic_says(details: ErrorDetails) -> str:
    return f"{details['msg'][:1].lower()}{details['msg'][1:]}, found {kind_of(details['input'])}"


_PHRASES: Final[Mapping[str, Callable[[ErrorDetails], str]]] = {
    "sentence": lambda details: str(details["ctx"]["sentence"]),
    "literal_error": _literal,
    "int_type": _expected("a whole number"),
    "float_type": _expected("a number"),
    "finite_number": _expected("a finite number"),
    "string_type": _expected("text"),
    "tuple_type": _expected("a list"),
    "model_type": _expected("a mapping of keys to values"),
    "model_attributes_type": _expected("a mapping of keys to values"),
    "mapping_type": _expected("a mapping of keys to values"),
    "greater_than": _expected("more than {gt}"),
    "greater_than_equal": _expected("at least {ge}"),
    "less_than": _expected("less than {lt}"),
    "less_than_equal": _expected("at most {le}"),
    "string_pattern_mismatch": _expected("lower-case letters, digits and '-', a letter first"),
    "string_too_short": _length("least", "min_length"),
    "string_too_long": _length("most", "max_length"),
    "too_short": _length("least", "min_length"),
    "too_long": _length("most", "max_length"),
}


def _follow(loc: Path, grammar: Grammar) -> tuple[Path, list[Grammar]]:
    """Follow pydantic's location through the grammar.

    Returns:
        The YAML path, without the steps by which pydantic names the member of a union, and the
        schemas of what stands there.
    """
    path: list[str | int] = []
    schemas = _alternatives(grammar, grammar)
    for step in loc:
        chosen = [
            schema["discriminator"]["mapping"][step]
            for schema in schemas
            if step in schema.get("discriminator", {}).get("mapping", ())
        ]
        if not chosen:
            if isinstance(step, str) and (
                step.startswith("(") or not any(schema.keys() & _MAPPING for schema in schemas)
            ):
                continue  # the tag of a union: in brackets, or its members are no mappings
            path.append(step)
            chosen = [below for schema in schemas for below in _below(schema, step)]
        schemas = [found for schema in chosen for found in _alternatives(schema, grammar)]
    return tuple(path), schemas


def _alternatives(schema: Grammar | str, grammar: Grammar) -> list[Grammar]:
    """Return a schema, or the one a reference names, and all that it refers to or chooses from."""
    if isinstance(schema, str):
        schema = {"$ref": schema}
    found = [schema]
    if "$ref" in schema:
        found += _alternatives(grammar["$defs"][schema["$ref"].rpartition("/")[2]], grammar)
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found += _alternatives(choice, grammar)
    return found


def _below(schema: Grammar, step: str | int) -> Iterator[Grammar]:
    """Return the schema of a key or an index, if there is one."""
    if isinstance(step, str):
        if step in schema.get("properties", ()):
            yield schema["properties"][step]
        elif isinstance(schema.get("additionalProperties"), dict):
            yield schema["additionalProperties"]
    elif step < len(schema.get("prefixItems", ())):
        yield schema["prefixItems"][step]
    elif isinstance(schema.get("items"), dict):
        yield schema["items"]
