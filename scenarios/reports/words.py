"""Numbers as people read them."""


def percent(millionths: float | None) -> str:
    """A score."""
    return "-" if millionths is None else f"{millionths / 10_000:.1f} %"


def seconds(time_us: float) -> str:
    """A simulated time."""
    return f"{time_us / 1_000_000:.2f} s"


def duration(time_us: float) -> str:
    """A span of simulated time, in the unit that suits it."""
    if time_us < 1000:
        return f"{time_us:.0f} µs"
    return f"{time_us / 1000:.1f} ms" if time_us < 1_000_000 else seconds(time_us)


def size(byte_count: float) -> str:
    """A number of bytes."""
    for unit in ("B", "kB", "MB"):
        if byte_count < 1000:
            return f"{byte_count:.0f} B" if unit == "B" else f"{byte_count:.1f} {unit}"
        byte_count /= 1000
    return f"{byte_count:.1f} GB"


def plural(count: int, word: str) -> str:
    """A number of things."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
