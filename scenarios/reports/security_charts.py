"""The radar of six dimensions and the table of principles, as charts."""

from collections.abc import Iterator

from ..results.run import RunResults
from .chart import Cell, Outline, Radar, Table
from .measured import measure
from .page_parts import Part
from .palette import Role
from .principles import Check, Cover, Principle, principles
from .radar import Dimension, radar

_COVERS: dict[Cover, tuple[str, Role]] = {
    "covered": ("✓ covered", "accepted"),
    "partly": ("◐ partly", "undecided"),
    "uncovered": ("✕ uncovered", "rejected"),
}


def security_parts(run: RunResults) -> Iterator[Part]:
    """The radar, how its values came about, and the principles.

    Raises:
        StoreError: When a ledger cannot be read.
    """
    measured = measure(run)
    dimensions = radar(measured)
    yield _radar(dimensions)
    yield _dimensions(dimensions)
    yield _principles(principles(measured, run.scenario.validation.epsilon_local_ppm))


def _radar(dimensions: tuple[Dimension, ...]) -> Radar:
    return Radar(
        "radar",
        "Six dimensions",
        "1 is the best that could be measured; what could not be measured has no point.",
        tuple(each.name for each in dimensions),
        (
            Outline(
                "this run",
                tuple(each.value for each in dimensions),
                "global",
                tuple(f"{each.name}: {_share(each.value)}\n{each.formula}" for each in dimensions),
            ),
        ),
    )


def _dimensions(dimensions: tuple[Dimension, ...]) -> Table:
    rows = tuple(
        (
            Cell(each.name),
            Cell(_share(each.value), number=True),
            Cell(each.sentence),
            Cell(each.formula, "neutral"),
        )
        for each in dimensions
    )
    return Table(
        "dimensions", "How the values came about", "", ("dimension", "value", "", "formula"), rows
    )


def _principles(found: tuple[Principle, ...]) -> Table:
    rows = tuple(
        (
            Cell(f"{each.number} {each.name}"),
            Cell(*_COVERS[each.cover]),
            Cell(each.mechanism),
            Cell("\n".join(map(_check, each.checks))),
        )
        for each in found
    )
    columns = ("principle", "this run", "mechanism", "metric")
    about = "Principles of the European Union's expert group (2019), as far as this program goes."
    return Table("principles", "Principles of trustworthy AI", about, columns, rows)


def _check(check: Check) -> str:
    return f"{'✓' if check.met else '✕'} {check.asks}: {check.found}"


def _share(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"
