"""``tclearn doctor``: versions, signature providers, what is missing and how to get it."""

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version

from rich.markup import escape
from rich.table import Table

from crypto.errors import ProviderError
from crypto.providers.choice import choose
from crypto.signature import Algorithm, providers

from .output import console, stdout_reserved, write_json


def doctor_command(as_json: bool) -> int:
    """Print what is installed; status 1 where something that is needed is missing."""
    packages = _packages()
    with stdout_reserved(as_json):
        found = providers()
        signer, obstacle = _signer()
    missing = sorted(name for name, state in packages.items() if state is None)
    healthy = signer is not None and not missing
    if as_json:
        write_json(
            {
                "healthy": healthy,
                "python": platform.python_version(),
                "machine": platform.machine(),
                "packages": packages,
                "missing": missing,
                "signer": signer,
                "obstacle": obstacle,
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
    out.print(f"\n{escape(obstacle)}" if signer is None else f"\nruns are signed by {signer}")
    out.print("\n[bold green]ready[/]" if healthy else "\n[bold red]something is missing[/]")
    return 0 if healthy else 1


def _packages() -> dict[str, str | None]:
    """Every package that tclearn needs, with the version that is installed."""
    needed = [text for text in requires("tclearn") or [] if "extra ==" not in text]
    names = ["tclearn", *(re.split(r"[^A-Za-z0-9._-]", text)[0] for text in needed)]
    return {name: _version(name) for name in sorted(names)}


def _signer() -> tuple[str | None, str]:
    """Which library would sign a run here, or why none would."""
    try:
        return choose(Algorithm.ML_DSA_65).name, ""
    except ProviderError as error:
        return None, str(error)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
