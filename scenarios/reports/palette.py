"""Colours by what they mean, one for light ground and one for dark.

The hues are those of Okabe and Ito (Color Universal Design, 2008), darkened or lightened until they
stand out from the ground; who does not tell them apart has symbols and words beside them.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal[
    "accepted",
    "rejected",
    "undecided",
    "global",
    "local",
    "neutral",
    "faint",
    "text",
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
    "series-7",
    "series-8",
]
"""What a colour means."""

PALETTE: Final[Mapping[Role, tuple[str, str]]] = {
    "accepted": ("#008563", "#3ccfa2"),
    "rejected": ("#c8500a", "#ff9350"),
    "undecided": ("#8a6d00", "#e8c547"),
    "global": ("#0068a8", "#63b7f2"),
    "local": ("#a8478a", "#e59fcb"),
    "neutral": ("#707a86", "#98a2ae"),
    "faint": ("#c3cad2", "#4a535e"),
    "text": ("#1d242c", "#e4e8ec"),
    "series-1": ("#0068a8", "#63b7f2"),
    "series-2": ("#d98b00", "#f2b53d"),
    "series-3": ("#008563", "#3ccfa2"),
    "series-4": ("#a8478a", "#e59fcb"),
    "series-5": ("#c8500a", "#ff9350"),
    "series-6": ("#3b9fd8", "#a5d8f5"),
    "series-7": ("#4f5965", "#b9c2cc"),
    "series-8": ("#7d6608", "#d9c86a"),
}
"""Role: on light ground, on dark ground."""

SERIES: Final[tuple[Role, ...]] = (
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
    "series-7",
    "series-8",
)
"""Colours of lines that mean nothing by themselves."""

KINDS: Final[Mapping[str, Role]] = {
    "update": "series-2",
    "proposal": "series-1",
    "verdict": "series-4",
    "vote": "series-3",
    "nominate": "series-6",
    "prepare": "series-3",
    "confirm": "series-8",
    "externalize": "series-5",
    "pre-prepare": "series-6",
    "view-prepare": "series-3",
    "view-commit": "series-8",
    "view-change": "series-5",
    "new-view": "series-7",
}
"""Colours of the kinds of messages; every other kind is neutral."""


def series(number: int) -> Role:
    """The colour of line ``number``, counted from 0; they repeat."""
    return SERIES[number % len(SERIES)]
