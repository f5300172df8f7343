"""``tclearn doctor``: versions, signature providers, what is missing and how to get it."""

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version

from rich.markup import escape
from rich.table import Table

from crypto.signature import providers

from .output import console, write_json


def doctor_command(as_json: bool) -> int:
    """Print what is installed; status 1 where something that is needed is missing."""
    packages = _packages()
    found = providers()
    missing = sorted(name for name, state in packages.items() if state is None)
    can_sign = any(each.available for each in found if each.name != "sodium")
    healthy = can_sign and not missing
    if as_json:
        write_json(
            {
                "healthy": healthy,
                "python": platform.python_version(),
                "machine": platform.machine(),
                "packages": packages,
                "missing": missing,
                "providers": [
                    {
                        "name": each.name,
                        "available": each.available,
                        "version": each.version,
                        "algorithms": [algorithm.value for algorithm in each.algorithms],
                        "reason": each.reason,
                    }
                    for each in found
                ],
            }
        )
        return 0 if healthy else 1
    out = console()
    out.print(f"Python {platform.python_version()} on {platform.machine()}\n")
    table = Table("package", "version", box=None, pad_edge=False)
    for name, state in packages.items():
        table.add_row(name, state or "[red]missing[/]: pip install tclearn brings it")
    out.print(table)
    table = Table("signatures by", "version", "algorithms", box=None, pad_edge=False)
    for each in found:
        algorithms = ", ".join(algorithm.value for algorithm in each.algorithms)
        table.add_row(each.name, each.version or "[yellow]not here[/]", algorithms)
    out.print()
    out.print(table)
    for each in found:
        if each.reason:
            out.print(f"\n{each.name}: {escape(each.reason)}")
    out.print("\n[bold green]ready[/]" if healthy else "\n[bold red]something is missing[/]")
    return 0 if healthy else 1


def _packages() -> dict[str, str | None]:
    """Every package that tclearn needs, with the version that is installed."""
    needed = [text for text in requires("tclearn") or [] if "extra ==" not in text]
    names = ["tclearn", *(re.split(r"[^A-Za-z0-9._-]", text)[0] for text in needed)]
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
