"""Reading data: WDBC, CSV files and every way in which a file can be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fl.dataset import Samples, breast_cancer, samples_digest
from fl.errors import DataError
from fl.table import ROW_COUNT_MIN, from_csv


def table(header: str = "age,dose,class", rows: int = 24) -> list[str]:
    return [header, *(f"{20 + row},{row / 4},{row % 2}" for row in range(rows))]


def written(folder: Path, lines: list[str]) -> Path:
    path = folder / "ward.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def with_cell(column: int, cell: str) -> list[str]:
    """A table whose fifth line has one other cell."""
    lines = table()
    cells = lines[4].split(",")
    cells[column] = cell
    lines[4] = ",".join(cells)
    return lines


def test_wdbc_has_569_rows_of_30_features_and_class_1_is_malignant() -> None:
    dataset = breast_cancer()
    assert dataset.samples.features.shape == (569, 30)
    assert dataset.class_names == ("benign", "malignant")
    assert int(dataset.samples.labels.sum()) == 212
    malignant = dataset.samples.labels == 1
    radius = dataset.samples.features[:, dataset.feature_names.index("mean radius")]
    assert radius[malignant].mean() > radius[~malignant].mean()


def test_a_csv_file_gives_features_in_column_order_and_class_indices(tmp_path: Path) -> None:
    dataset = from_csv(written(tmp_path, table()), "class")
    assert dataset.name == "ward"
    assert dataset.feature_names == ("age", "dose")
    assert dataset.class_names == ("0", "1")
    assert dataset.samples.features.dtype == np.float32
    assert dataset.samples.features[3].tolist() == [23.0, 0.75]
    assert dataset.samples.labels.tolist() == [row % 2 for row in range(24)]


def test_the_label_column_may_stand_anywhere(tmp_path: Path) -> None:
    lines = ["kind,x", *(f"{'ab'[row % 2]},{row}" for row in range(24))]
    dataset = from_csv(written(tmp_path, lines), "kind")
    assert dataset.feature_names == ("x",)
    assert dataset.class_names == ("a", "b")


def test_integer_classes_are_ordered_as_numbers_and_text_as_text(tmp_path: Path) -> None:
    numbers = ["x,y", *(f"{row},{(10, 9, -1)[row % 3]}" for row in range(24))]
    assert from_csv(written(tmp_path, numbers), "y").class_names == ("-1", "9", "10")
    mixed = ["x,y", *(f"{row},{('10', '9', 'b')[row % 3]}" for row in range(24))]
    assert from_csv(written(tmp_path, mixed), "y").class_names == ("10", "9", "b")


def test_none_may_be_a_class(tmp_path: Path) -> None:
    lines = ["x,disease", *(f"{row},{('none', 'mild')[row % 2]}" for row in range(24))]
    assert from_csv(written(tmp_path, lines), "disease").class_names == ("mild", "none")


def test_blank_lines_blanks_around_cells_a_byte_order_mark_and_crlf_are_no_problem(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ward.csv"
    lines = [" age , class ", *(f" {row} , {row % 2} " for row in range(24)), "", ""]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    dataset = from_csv(path, "class")
    assert dataset.feature_names == ("age",)
    assert len(dataset.samples) == 24


@pytest.mark.parametrize("cell", ["1", "-2.5", "+.5", "3.", "1e-3", "1.5E+10", "3.4028234e38"])
def test_every_usual_form_of_a_number_is_read(tmp_path: Path, cell: str) -> None:
    dataset = from_csv(written(tmp_path, with_cell(0, cell)), "class")
    assert dataset.samples.features[3, 0] == np.float32(cell)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("", "the cell is empty; fill it in or remove the row"),
        ("  ", "the cell is empty; fill it in or remove the row"),
        ("NaN", "the value is missing ('NaN'); fill it in or remove the row"),
        ("?", "the value is missing ('?'); fill it in or remove the row"),
        ("inf", "'inf' is infinite; give a finite number"),
        ("-Infinity", "'-Infinity' is infinite; give a finite number"),
        ("1e39", "'1e39' is too large for a 32-bit float; rescale it"),
        ("1e999", "'1e999' is too large for a 32-bit float; rescale it"),
        ("tall", "'tall' is not a number; give a number or drop the column"),
        ("1_000", "'1_000' is not a number; give a number or drop the column"),
        ("٣", "'٣' is not a number; give a number or drop the column"),
        ("0x1p3", "'0x1p3' is not a number; give a number or drop the column"),
        ("9" * 60 + "x", f"'{'9' * 40}…' is not a number; give a number or drop the column"),
    ],
)
def test_a_bad_feature_cell_is_named_by_file_line_and_column(
    tmp_path: Path, cell: str, problem: str
) -> None:
    path = written(tmp_path, with_cell(1, cell))
    with pytest.raises(DataError) as caught:
        from_csv(path, "class")
    assert str(caught.value) == f"{path}, line 5, column 'dose': {problem}"


@pytest.mark.parametrize(
    ("lines", "label", "problem"),
    [
        (with_cell(2, ""), "class", ", line 5, column 'class': the cell is empty"),
        (with_cell(2, "nan"), "class", ", line 5, column 'class': the value is missing ('nan')"),
        (table(), "clas", ", line 1: there is no label column 'clas'; did you mean 'class'?"),
        (table(), "zz", "no label column 'zz'; the columns are 'age', 'dose', 'class'"),
        (table("age,,class"), "class", ", line 1: column 2 has no name"),
        (table("age,age,class"), "class", ", line 1: column 'age' appears twice"),
        (["class", *["0", "1"] * 12], "class", ", line 1: there is no feature beside 'class'"),
        ([*table(), "1,2"], "class", ", line 26: 2 cells where the header has 3 columns"),
        ([*table(), "1,2,0,4"], "class", ", line 26: 4 cells where the header has 3 columns"),
        (["x,y", *["1,0"] * 24], "y", ", column 'y': every row has the class '0'"),
        (["x,y", *[f"1,{row}" for row in range(300)]], "y", ", column 'y': 300 classes"),
        (table(rows=ROW_COUNT_MIN - 1), "class", f": {ROW_COUNT_MIN - 1} data rows are too few"),
        (["age,class"], "class", ": 0 data rows are too few"),
        ([], "class", ": the file is empty"),
        ([*table(), '1,"2,0'], "class", ", line 26: not CSV (unexpected end of data)"),
        ([*table(), '1,"2"3,0'], "class", ", line 26: not CSV ("),
        ([*table(), "1," + "2" * 200_000 + ",0"], "class", ", line 26: not CSV (field larger"),
        ([",".join(f"c{n}" for n in range(10_001))], "c1", ", line 1: 10001 columns"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(
    tmp_path: Path, lines: list[str], label: str, problem: str
) -> None:
    path = written(tmp_path, lines)
    with pytest.raises(DataError) as caught:
        from_csv(path, label)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert problem in message
    assert "\n" not in message


def test_a_missing_file_and_a_directory_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read \(no such file"):
        from_csv(tmp_path / "absent.csv", "class")
    with pytest.raises(DataError, match=r"cannot be read \(is a directory\)"):
        from_csv(tmp_path, "class")
    with pytest.raises(DataError, match=r"cannot be read \(embedded null byte\)"):
        from_csv("a\0b", "class")


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "ward.csv"
    path.write_bytes("\n".join(table()).encode() + b"\n1,2,\xe9t\xe9\n")
    with pytest.raises(DataError, match="line 26: byte 0xe9 is not UTF-8; save the file as UTF-8"):
        from_csv(path, "class")


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ward.csv"
    with path.open("wb") as file:
        file.truncate(256 * 1024 * 1024 + 1)  # sparse: takes no space
    with pytest.raises(DataError, match="over the limit"):
        from_csv(path, "class")


FEATURES = np.zeros((3, 2), dtype=np.float32)
LABELS = np.zeros(3, dtype=np.int64)


@pytest.mark.parametrize(
    ("features", "labels", "problem"),
    [
        (FEATURES.astype(np.float64), LABELS, "not float64 and int64"),
        (FEATURES, LABELS.astype(np.int32), "not float32 and int32"),
        (FEATURES, LABELS[:2], r"not \[3, 2\] and \[2\]"),
        (FEATURES[0], LABELS[:2], r"not \[2\] and \[2\]"),
    ],
)
def test_samples_refuse_arrays_of_other_types_and_shapes(
    features: npt.NDArray[Any], labels: npt.NDArray[Any], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        Samples(features, labels)


def test_samples_cannot_be_written_to_and_leave_the_callers_arrays_writable() -> None:
    features = np.zeros((3, 2), dtype=np.float32)
    samples = Samples(features, np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="read-only"):
        samples.features[0, 0] = 1
    features[0, 0] = 1


def test_the_digest_of_samples_covers_values_order_and_shape() -> None:
    features = np.arange(12, dtype=np.float32).reshape(4, 3)
    labels = np.array([0, 1, 0, 1])
    base = samples_digest(Samples(features, labels))
    assert base == samples_digest(Samples(features.copy(), labels.copy()))
    assert base == samples_digest(Samples(np.asfortranarray(features), labels))
    others = [
        Samples(features + 1, labels),
        Samples(features, 1 - labels),
        Samples(features[::-1], labels[::-1]),
        Samples(features[:, :2], labels),
        Samples(features[:3], labels[:3]),
    ]
    assert len({base, *(samples_digest(other) for other in others)}) == 6
