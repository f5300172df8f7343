"""Quantities with units: exact both ways, and refused in one sentence."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import units
from scenarios.errors import ScenarioError


@pytest.mark.parametrize(
    ("text", "duration_us"),
    [
        ("200 us", 200),
        ("50 ms", 50_000),
        ("50ms", 50_000),
        ("0.001 ms", 1),
        ("1.5 s", 1_500_000),
        ("0.1 s", 100_000),
        ("2 min", 120_000_000),
        ("1 h", 3_600_000_000),
        ("0 s", 0),
        ("1.000000 s", 1_000_000),
    ],
)
def test_a_duration_is_exact_microseconds(text: str, duration_us: int) -> None:
    assert units.parse_duration(text) == duration_us


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("512 B", 512), ("20 kB", 20_000), ("1 MiB", 2**20), ("0.5 KiB", 512), ("1.5 GB", 15 * 10**8)],
)
def test_a_size_is_exact_bytes(text: str, size_bytes: int) -> None:
    assert units.parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "bits_per_s"),
    [("20 Mbit/s", 20_000_000), ("1 Gbit/s", 10**9), ("9.6 kbit/s", 9_600), ("1 bit/s", 1)],
)
def test_a_bandwidth_is_exact_bits_per_second(text: str, bits_per_s: int) -> None:
    assert units.parse_bandwidth(text) == bits_per_s


@pytest.mark.parametrize(
    ("value", "ppm"),
    [
        ("5 %", 50_000),
        ("0.0001 %", 1),
        ("100%", 1_000_000),
        (0.05, 50_000),
        (1e-6, 1),
        (0, 0),
        (1, 1_000_000),
    ],
)
def test_a_fraction_is_exact_millionths(value: str | float, ppm: int) -> None:
    assert units.parse_fraction(value) == ppm


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "expected a duration with a unit, found 5; add one of us, ms, s, min, h"),
        ("1.5", "expected a duration with a unit, found 1.5; add one of us, ms, s, min, h"),
        ("-5 s", "expected a duration such as '50 ms', found '-5 s'"),
        ("-5", "expected a duration such as '50 ms', found '-5'"),
        ("", "expected a duration such as '50 ms', found ''"),
        ("5  s", "expected a duration such as '50 ms', found '5  s'"),
        ("1e3 ms", "expected a duration such as '50 ms', found '1e3 ms'"),
        ("5 s\n", "expected a duration such as '50 ms', found '5 s\\n'"),
        ("\u0665 s", "expected a duration such as '50 ms', found '\u0665 s'"),  # a digit, not ASCII
        ("5 MS", "expected a unit of duration, found 'MS'; did you mean 'ms'?"),
        ("5 msec", "expected a unit of duration, found 'msec'; did you mean 'ms'?"),
        ("5 days", "expected a unit of duration, found 'days'; known are us, ms, s, min, h"),
        ("0.5 us", "expected a whole number of microseconds, found '0.5 us'; round it"),
        (
            "1.000000000000000000000000000000000001 s",
            (
                "expected a whole number of microseconds, "
                "found '1.000000000000000000000000000000000001 s'; round it"
            ),
        ),
        ("1000000 h", "expected a duration of at most 87840 h, found '1000000 h'"),
        (
            "9" * 200,
            f"expected a duration with a unit, found {'9' * 79}…; add one of us, ms, s, min, h",
        ),
        ("9" * 200 + " s", f"expected a duration such as '50 ms', found '{'9' * 79}…'"),
    ],
)
def test_a_bad_duration_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        units.parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (
            units.parse_bandwidth,
            "10 Mbps",
            "expected a unit of bandwidth, found 'Mbps'; did you mean 'Mbit/s'?",
        ),
        (units.parse_size, "1 mib", "expected a unit of size, found 'mib'; did you mean 'MiB'?"),
        (
            units.parse_size,
            "7",
            "expected a size with a unit, found 7; add one of B, kB, KiB, MB, MiB, GB, GiB",
        ),
        (units.parse_size, "0.3 B", "expected a whole number of bytes, found '0.3 B'; round it"),
    ],
)
def test_a_bad_size_or_bandwidth_is_refused_with_advice(
    parse: Callable[[str], int], text: str, message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.05", "expected a fraction from 0 to 1, such as 0.05 or 5 %, found '0.05'"),
        ("101 %", "expected a fraction from 0 to 1, such as 0.05 or 5 %, found '101 %'"),
        ("-1 %", "expected a fraction from 0 to 1, such as 0.05 or 5 %, found '-1 %'"),
        (1.5, "expected a fraction from 0 to 1, such as 0.05 or 5 %, found 1.5"),
        (-0.1, "expected a fraction from 0 to 1, such as 0.05 or 5 %, found -0.1"),
        (float("nan"), "expected a fraction from 0 to 1, such as 0.05 or 5 %, found nan"),
        (
            0.1 + 0.2,
            "expected a whole number of millionths, found 0.30000000000000004; round it",
        ),
        (0.1234567, "expected a whole number of millionths, found 0.1234567; round it"),
        ("0.00001 %", "expected a whole number of millionths, found 0.00001 %; round it"),
    ],
)
def test_a_bad_fraction_is_refused_with_advice(value: str | float, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        units.parse_fraction(value)
    assert str(caught.value) == message


@given(st.integers(0, units.DURATION_MAX_US))
def test_a_written_duration_reads_back(duration_us: int) -> None:
    assert units.parse_duration(units.format_duration(duration_us)) == duration_us


@given(st.integers(0, units.SIZE_MAX_BYTES))
def test_a_written_size_reads_back(size_bytes: int) -> None:
    assert units.parse_size(units.format_size(size_bytes)) == size_bytes


@given(st.integers(0, units.BANDWIDTH_MAX_BITS_PER_S))
def test_a_written_bandwidth_reads_back(bits_per_s: int) -> None:
    assert units.parse_bandwidth(units.format_bandwidth(bits_per_s)) == bits_per_s


@given(st.integers(0, units.PPM))
def test_a_written_fraction_reads_back(ppm: int) -> None:
    assert units.parse_fraction(units.format_fraction(ppm)) == ppm


@given(st.integers(0, units.PPM))
def test_a_fraction_written_as_a_float_is_what_its_author_wrote(ppm: int) -> None:
    assert units.parse_fraction(ppm / units.PPM) == ppm


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [(0, "0 s"), (1, "1 us"), (1_500_000, "1500 ms"), (60_000_000, "1 min"), (90_000_000, "90 s")],
)
def test_a_duration_is_written_in_the_largest_unit_that_divides_it(
    duration_us: int, text: str
) -> None:
    assert units.format_duration(duration_us) == text


@pytest.mark.parametrize(
    "parse", [units.parse_duration, units.parse_size, units.parse_bandwidth, units.parse_fraction]
)
@given(text=st.text(max_size=60))
def test_any_text_is_a_quantity_or_refused_in_one_line(
    parse: Callable[[str], int], text: str
) -> None:
    try:
        amount = parse(text)
    except ScenarioError as error:
        message = str(error)
    else:
        message = ""
        assert amount >= 0
    assert message.isprintable()
