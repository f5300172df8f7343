"""What the bytes of a study's cells depend on: the study, its files and versions.

Two studies with one identity have the same cells. What an author expects, and how a study is
described, changes no cell.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from crypto.digest import digest, sha256

from ..source import FILE_SIZE_MAX, FILES
from ..source_document import canonical, exists, read_bytes
from .cell import versions
from .plan import Plan
from .source import CALIBRATION_SUFFIXES, resolved

_LABEL: Final = "tclearn/study/v1"

_APART: Final = ("description", "expect")
"""What changes no cell."""

_SUFFIXES: Final = tuple(
    {suffix for each in FILES.values() for suffix in each} | {*CALIBRATION_SUFFIXES}
)


def identity_of(plan: Plan) -> str:
    """Return the identity of a study, in hexadecimal digits.

    Raises:
        ScenarioError: A file of the study cannot be read.
    """
    tree = {key: value for key, value in resolved(plan.file).items() if key not in _APART}
    fields = canonical(_by_content(tree))
    return digest(_LABEL, [fields, versions(plan.study.fidelity)]).hex()


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield where two trees differ: path, before, now; None where there is nothing."""
    for key in dict.fromkeys([*before, *now]):
        here = f"{path}.{key}" if path else str(key)
        if not path and key in _APART:
            continue
        one, other = before.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, here)
        elif one != other:
            yield here, one, other


def _by_content(value: Any) -> Any:
    """Replace the paths of files by what is in them."""
    if isinstance(value, Mapping):
        return {str(key): _by_content(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_by_content(each) for each in value]
    if isinstance(value, str) and value.endswith(_SUFFIXES):
        file = Path(value)
        if file.is_absolute() and exists(file) and not file.is_dir():
            return ["sha256", sha256(read_bytes(file, value, FILE_SIZE_MAX))]
    return value
