"""Small-scope mutation: one field of one message differs a little from what the protocol says.

Source: Winter et al., Randomized Testing of Byzantine Fault Tolerant Algorithms (ByzzFuzz), 2023.
Chance depends on the seed, the pair and the statement, not on what was sent before: a statement
that is said again is mutated in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from consensus.statements import COUNTER_MAX, Ballot, Statement, statement_body
from crypto.digest import Digest, digest

from ..schema_adversaries import ANY_FIELD, Mutate
from ..simulation.streams import stream_seed
from ..units import PPM

_UNTOUCHED = frozenset({"reason", "scores"})


def mutated(
    statement: Statement, mutation: Mutate, values: Sequence[Digest], seed: int, receiver: str
) -> Statement:
    """Return the statement that ``receiver`` gets: mostly the same one.

    Args:
        statement: What the protocol says.
        mutation: Which field changes, and how often.
        values: The values of the slot, of which one replaces another.
        seed: Of the run.
        receiver: Who is to get it.
    """
    if not _in_rounds(mutation, statement.slot):
        return statement
    said = digest("tclearn/mutation/v1", [statement.slot, statement_body(statement)]).hex()
    chance = stream_seed(seed, "mutate", mutation.hospital, receiver, mutation.field, said)
    chance, drawn = divmod(chance, PPM)
    if drawn >= mutation.probability_ppm:
        return statement
    choices = list(_choices(statement, mutation.field, values))
    if not choices:
        return statement
    name, value = choices[chance % len(choices)]
    changes: dict[str, Any] = {name: value}
    return replace(statement, **changes)


def _in_rounds(mutation: Mutate, slot: int) -> bool:
    until = mutation.until_round
    return mutation.from_round <= slot and (until is None or slot <= until)


def _choices(
    statement: Statement, wanted: str, values: Sequence[Digest]
) -> Iterator[tuple[str, Any]]:
    """Each small change of each field: its name and the new value."""
    for field in fields(statement):
        if field.name in _UNTOUCHED or wanted not in (ANY_FIELD, field.name):
            continue
        least = 1 if field.name == "slot" else 0
        for value in _near(getattr(statement, field.name), values, least):
            yield field.name, value


def _near(found: Any, values: Sequence[Digest], least: int) -> Iterator[Any]:
    """Values of the same type, close to the one found."""
    if isinstance(found, bool):
        yield not found
    elif isinstance(found, int):
        yield from (near for near in (found - 1, found + 1) if least <= near <= COUNTER_MAX)
    elif isinstance(found, bytes):
        yield from (value for value in values if value != found)
        yield digest("tclearn/mutation/v1", [found])
    elif isinstance(found, Ballot):
        for counter in _near(found.counter, values, 1):
            yield Ballot(counter, found.value)
        for value in _near(found.value, values, 0):
            yield Ballot(found.counter, value)
    elif isinstance(found, tuple):
        yield from (found[:index] + found[index + 1 :] for index in range(len(found)))
