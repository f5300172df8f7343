"""Quantities with their units, as they stand in a scenario file: ``50 ms``, ``1 MiB``, ``5 %``.

Each kind of quantity is parsed to an integer of its smallest unit by exact decimal arithmetic, and
written back so that ``parse(format(x)) == x``. A quantity that is not a whole number of the
smallest unit is refused, not rounded. Nothing here is negative.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from difflib import get_close_matches
from typing import Final

from .errors import ScenarioError, shown

DURATION_MAX_US: Final = 10 * 366 * 24 * 3600 * 10**6
"""The longest duration: ten years."""

SIZE_MAX_BYTES: Final = 2**50
"""The largest size: one pebibyte."""

BANDWIDTH_MAX_BITS_PER_S: Final = 10**15
"""The widest link: one petabit per second."""

PPM: Final = 1_000_000
"""Millionths in one whole."""

_TEXT_MAX: Final = 40
"""The most characters in a quantity."""

# More digits than two quantities of _TEXT_MAX can need, so that no product is rounded.
_EXACT = Context(prec=2 * _TEXT_MAX)

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-zµ%/]+)", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of quantity."""

    name: str
    """What it is called in a message."""

    units: Mapping[str, int]
    """The units by name, each as a number of the smallest, the smallest first."""

    smallest: str
    """The smallest unit in words."""

    largest: int
    """The limit, in the smallest unit."""

    example: str
    """A well-formed one."""

    zero: str
    """How nothing is written."""


_DURATION: Final = _Kind(
    name="duration",
    units={
        "us": 1,
        "ms": 1_000,
        "s": 1_000_000,
        "min": 60_000_000,
        "h": 3_600_000_000,
    },
    smallest="microseconds",
    largest=DURATION_MAX_US,
    example="50 ms",
    zero="0 s",
)
_SIZE: Final = _Kind(
    name="size",
    units={
        "B": 1,
        "kB": 10**3,
        "KiB": 2**10,
        "MB": 10**6,
        "MiB": 2**20,
        "GB": 10**9,
        "GiB": 2**30,
    },
    smallest="bytes",
    largest=SIZE_MAX_BYTES,
    example="1 MiB",
    zero="0 B",
)
_BANDWIDTH: Final = _Kind(
    name="bandwidth",
    units={"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9},
    smallest="bits per second",
    largest=BANDWIDTH_MAX_BITS_PER_S,
    example="20 Mbit/s",
    zero="0 bit/s",
)


def parse_duration(text: str) -> int:
    """Return the microseconds of a duration such as ``50 ms``, ``1.5 s`` or ``2 min``.

    Raises:
        ScenarioError: It has no unit, an unknown one, a sign, or a part of a microsecond.
    """
    return _parse(text, _DURATION)


def format_duration(duration_us: int) -> str:
    """Write microseconds in the largest unit that divides them."""
    return _format(duration_us, _DURATION)


def parse_size(text: str) -> int:
    """Return the bytes of a size such as ``512 B``, ``20 kB`` or ``1 MiB``.

    Raises:
        ScenarioError: It has no unit, an unknown one, a sign, or a part of a byte.
    """
    return _parse(text, _SIZE)


def format_size(size_bytes: int) -> str:
    """Write bytes in the largest unit that divides them."""
    return _format(size_bytes, _SIZE)


def parse_bandwidth(text: str) -> int:
    """Return the bits per second of a bandwidth such as ``20 Mbit/s``.

    Raises:
        ScenarioError: It has no unit, an unknown one, a sign, or a part of a bit per second.
    """
    return _parse(text, _BANDWIDTH)


def format_bandwidth(bandwidth_bits_per_s: int) -> str:
    """Write bits per second in the largest unit that divides them."""
    return _format(bandwidth_bits_per_s, _BANDWIDTH)


def parse_fraction(value: str | float) -> int:
    """Return the millionths of a fraction of one: a number such as 0.05, or text such as ``5 %``.

    A float stands for the shortest decimal that reads as it, which is what its author wrote.

    Raises:
        ScenarioError: It is not from 0 to 1, or not a whole number of millionths.
    """
    wanted = "expected a fraction from 0 to 1, such as 0.05 or 5 %"
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value) if len(value) <= _TEXT_MAX else None
        if match is None or match[2] != "%":
            raise ScenarioError(f"{wanted}, found '{shown(value)}'")
        ppm = _EXACT.multiply(Decimal(match[1]), Decimal(PPM // 100))
    else:
        if not 0 <= value <= 1:  # also refuses what is not a number
            raise ScenarioError(f"{wanted}, found {value}")
        ppm = _EXACT.multiply(Decimal(repr(value)), Decimal(PPM))
    if ppm > PPM:
        raise ScenarioError(f"{wanted}, found '{value}'")
    if ppm != int(ppm):
        raise ScenarioError(f"expected a whole number of millionths, found {value}; round it")
    return int(ppm)


def format_fraction(fraction_ppm: int) -> str:
    """Write millionths as a percentage with the digits that it needs."""
    percent, rest = divmod(fraction_ppm, PPM // 100)
    decimals = f"{rest:04d}".rstrip("0")
    return f"{percent}.{decimals} %" if decimals else f"{percent} %"


def _parse(text: str, kind: _Kind) -> int:
    match = _QUANTITY.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if match is None:
        raise ScenarioError(_malformed(text, kind))
    number, unit = match.groups()
    if unit not in kind.units:
        raise ScenarioError(_unknown_unit(unit, kind))
    amount = _EXACT.multiply(Decimal(number), Decimal(kind.units[unit]))
    if amount > kind.largest:
        limit = _format(kind.largest, kind)
        raise ScenarioError(f"expected a {kind.name} of at most {limit}, found '{text}'")
    if amount != int(amount):
        raise ScenarioError(f"expected a whole number of {kind.smallest}, found '{text}'; round it")
    return int(amount)


def _format(amount: int, kind: _Kind) -> str:
    if amount == 0:
        return kind.zero
    unit = max((u for u in kind.units if amount % kind.units[u] == 0), key=kind.units.__getitem__)
    return f"{amount // kind.units[unit]} {unit}"


def _malformed(text: str, kind: _Kind) -> str:
    units = ", ".join(kind.units)
    if _NUMBER.fullmatch(text) and not text.startswith("-"):
        return f"expected a {kind.name} with a unit, found {shown(text)}; add one of {units}"
    return f"expected a {kind.name} such as '{kind.example}', found '{shown(text)}'"


def _unknown_unit(unit: str, kind: _Kind) -> str:
    folded = {name.lower(): name for name in kind.units}
    near = get_close_matches(unit.lower(), folded, n=1)
    advice = f"did you mean '{folded[near[0]]}'?" if near else f"known are {', '.join(kind.units)}"
    return f"expected a unit of {kind.name}, found '{shown(unit)}'; {advice}"
