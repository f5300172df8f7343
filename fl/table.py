"""Reading a CSV file into a data set, checked cell by cell.

Every message is one sentence that names the file, the line, the column and the remedy. Nothing is
guessed: a missing value is the owner's to fill in.
"""

import csv
import difflib
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from .dataset import Dataset, Labels, Samples
from .errors import DataError

ROW_COUNT_MIN = 20
CLASS_COUNT_MAX = 256
COLUMN_COUNT_MAX = 10_000
FILE_BYTES_MAX = 256 * 1024 * 1024

# Narrower than float(): no "1_000", no digits of other scripts, no "nan" and no "inf".
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_MISSING = frozenset({"", "?", "na", "n/a", "nan", "none", "null"})
_MISSING_CLASS = frozenset({"", "?", "nan"})  # "none" and "na" may be classes
_INFINITE = frozenset({"inf", "infinity"})


def from_csv(path: Path | str, label: str) -> Dataset:
    """Read a CSV file in UTF-8 with a header row, numeric features and one label column.

    Args:
        path: The file. Blank lines are skipped.
        label: The header of the column that holds the class: integers (ordered as numbers) or text
            (ordered as text).

    Raises:
        DataError: One sentence with the file, the line and the column of the first problem.
    """
    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise DataError(f"{path}: the file is empty; give it a header row and data rows")
    names, label_index = _header(path, rows[0], label)
    body = rows[1:]
    if len(body) < ROW_COUNT_MIN:
        raise DataError(
            f"{path}: {len(body)} data rows are too few to split; give at least {ROW_COUNT_MIN}"
        )
    features = np.empty((len(body), len(names) - 1), dtype=np.float32)
    texts: list[str] = []
    for row, (line, cells) in enumerate(body):
        if len(cells) != len(names):
            raise DataError(
                f"{path}, line {line}: {len(cells)} cells where the header has {len(names)} "
                f"columns; add or remove cells"
            )
        numbers: list[float] = []
        for column, cell in enumerate(cells):
            where = f"{path}, line {line}, column {names[column]!r}"
            if column == label_index:
                texts.append(_class_text(where, cell))
            else:
                numbers.append(_number(where, cell))
        features[row] = numbers
    labels, class_names = _classes(f"{path}, column {label!r}", texts)
    feature_names = names[:label_index] + names[label_index + 1 :]
    return Dataset(path.stem, Samples(features, labels), feature_names, class_names)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, each with the number of its (last) line."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes > FILE_BYTES_MAX:
            raise DataError(
                f"{path}: {size_bytes} bytes, over the limit of {FILE_BYTES_MAX}; take fewer rows"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = ((isinstance(error, OSError) and error.strerror) or str(error)).lower()
        raise DataError(f"{path}: cannot be read ({reason}); name a readable CSV file") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
            f"save the file as UTF-8"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: not CSV ({error}); correct the quotes or line ends"
        ) from error


def _header(path: Path, row: tuple[int, list[str]], label: str) -> tuple[tuple[str, ...], int]:
    """Return the column names and the index of the label column."""
    line, cells = row
    names = tuple(cell.strip() for cell in cells)
    where = f"{path}, line {line}"
    if len(names) > COLUMN_COUNT_MAX:
        raise DataError(f"{where}: {len(names)} columns; give at most {COLUMN_COUNT_MAX}")
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            raise DataError(f"{where}: column {index + 1} has no name; name it in the header")
        if name in seen:
            raise DataError(f"{where}: column {name!r} appears twice; rename one of the two")
        seen.add(name)
    if label not in names:
        near = difflib.get_close_matches(label, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {_listed(names)}"
        raise DataError(f"{where}: there is no label column {label!r}; {hint}")
    if len(names) < 2:
        raise DataError(f"{where}: there is no feature beside {label!r}; add a numeric column")
    return names, names.index(label)


def _number(where: str, cell: str) -> float:
    """Return a cell as a number that float32 holds, or refuse it."""
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number) and abs(number) <= float(np.finfo(np.float32).max):
            return number
        raise DataError(f"{where}: {_shown(text)} is too large for a 32-bit float; rescale it")
    if text.lower() in _MISSING:
        _refuse_missing(where, text)
    if text.lower().lstrip("+-") in _INFINITE:
        raise DataError(f"{where}: {_shown(text)} is infinite; give a finite number")
    raise DataError(f"{where}: {_shown(text)} is not a number; give a number or drop the column")


def _class_text(where: str, cell: str) -> str:
    """Return the text of a label cell, or refuse a missing one."""
    text = cell.strip()
    if text.lower() in _MISSING_CLASS:
        _refuse_missing(where, text)
    return text


def _refuse_missing(where: str, text: str) -> NoReturn:
    found = f"the value is missing ({_shown(text)})" if text else "the cell is empty"
    raise DataError(f"{where}: {found}; fill it in or remove the row")


def _classes(where: str, texts: Sequence[str]) -> tuple[Labels, tuple[str, ...]]:
    """Return class indices and class names, sorted as numbers when all of them are integers."""
    if all(_INTEGER.fullmatch(text) for text in texts):
        numbers = [int(text) for text in texts]
        names = [str(number) for number in sorted(set(numbers))]
        texts = [str(number) for number in numbers]
    else:
        names = sorted(set(texts))
    if len(names) < 2:
        raise DataError(
            f"{where}: every row has the class {_shown(names[0])}; give at least two classes"
        )
    if len(names) > CLASS_COUNT_MAX:
        raise DataError(
            f"{where}: {len(names)} classes, over the limit of {CLASS_COUNT_MAX}; "
            f"name a column of classes, not of measurements"
        )
    index = {name: position for position, name in enumerate(names)}
    return np.array([index[text] for text in texts], dtype=np.int64), tuple(names)


def _shown(text: str) -> str:
    """Return the start of a cell, quoted, for a message."""
    return repr(text if len(text) <= 40 else text[:40] + "…")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:12]) + (", …" if len(names) > 12 else "")
