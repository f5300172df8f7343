"""Starts the installed program as a user does, and reads what it says."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

PROGRAM = Path(sys.executable).with_name("tclearn")
TIME_LIMIT_S = 300
"""After which a hanging program fails a test; nothing waits for it."""


def tclearn(
    *words: str | Path,
    cwd: Path,
    stdout: int = subprocess.PIPE,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, ``variables`` added to its environment."""
    return subprocess.run(
        [PROGRAM, *words],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIME_LIMIT_S,
        check=False,
    )


def started(
    *words: str | Path, cwd: Path, prepare: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    """Start the program; its output comes line by line."""
    return subprocess.Popen(
        [PROGRAM, *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end of a program: status, rest of stdout, rest of stderr."""
    out, err = process.communicate(timeout=TIME_LIMIT_S)
    return process.returncode, out, err


def environment(**variables: str) -> dict[str, str]:
    """This environment without what a developer's shell may have set for the program."""
    chosen = ("TCLEARN_SIGNATURES", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "PYTHONHASHSEED")
    return {key: value for key, value in os.environ.items() if key not in chosen} | variables


def one_object(text: str) -> dict[str, Any]:
    """What a program printed with ``--json``: one JSON object and nothing else."""
    found = json.loads(text)
    assert isinstance(found, dict)
    assert text == json.dumps(found, indent=2) + "\n"
    return found


def summary(run: Path) -> dict[str, Any]:
    """What a run says of itself."""
    found: dict[str, Any] = json.loads((run / "run.json").read_text("utf-8"))
    return found
