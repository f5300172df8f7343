"""Regions of the world with the delays between them, and which hospital stands where.

A preset is a table of published round trips; a message takes half of one. The tables and their
sources are in the folder ``regions``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

PRESETS: Final = Path(__file__).parent / "regions"
"""Where the tables are."""


@dataclass(frozen=True, slots=True)
class RegionPreset:
    """Some regions and what lies between them."""

    regions: tuple[str, ...]
    """Their names, in the order in which hospitals are spread over them."""

    one_way_us: Mapping[tuple[str, str], int]
    """The mean delay from each region to each, itself included, in microseconds."""


@cache
def region_preset(name: str) -> RegionPreset:
    """Read a preset that comes with the program."""
    table = YAML(typ="safe", pure=True).load((PRESETS / f"{name}.yaml").read_text("utf-8"))
    regions, rows = tuple(table["regions"]), table["rtt_ms"]
    one_way_us = {}
    for region, row in zip(regions, rows, strict=True):
        for other, rtt_ms in zip(regions, row, strict=False):
            one_way_us[region, other] = one_way_us[other, region] = rtt_ms * 1000 // 2
    return RegionPreset(regions, one_way_us)


def regions_of(
    preset: RegionPreset, places: Mapping[str, str], hospitals: Sequence[str]
) -> dict[str, str]:
    """Return the region of each hospital: as placed, or else region after region in turn.

    A hospital that is placed does not move the others.
    """
    count = len(preset.regions)
    return {
        hospital: places.get(hospital, preset.regions[index % count])
        for index, hospital in enumerate(hospitals)
    }
