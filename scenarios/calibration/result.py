"""What was measured, and the file that says it: chances with their intervals, and of what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from ..errors import ScenarioError, shown
from ..source_document import read_document, read_file
from ..studies.errors import StudyError
from ..studies.statistics import clustered_interval
from ..trials.trial import Verdicts
from ..units import PPM

_HEADER: Final = "What `tclearn calibrate` measured. A study reads it by its key `calibration`."
_REMEDY: Final = "write it with `tclearn calibrate SCENARIO --out FILE`"


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely an honest hospital accepts a kind of candidate."""

    accepted: int
    """Verdicts that accept."""
    count: int
    """Verdicts."""
    runs: int
    """Runs that they come from."""
    rate_ppm: int
    """The fraction, in millionths."""
    low_ppm: int
    """The least it may be: the verdicts of one run are not independent, and not taken for it."""
    high_ppm: int
    """The most it may be."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured of a scenario."""

    scenario: str
    """Its name."""
    scenario_digest: str
    """All its fields and files, in hexadecimal."""
    confidence: float
    """Of the intervals."""
    seeds: tuple[int, ...]
    """One of each run."""
    environment: Mapping[str, str]
    """The versions that can change a verdict."""
    good: Chance
    """Of candidates that nobody poisoned."""
    poisoned: Chance | None
    """Of all poisoned ones; None where nobody poisons."""
    attacks: Mapping[str, Chance]
    """Of poisoned ones by what was done to them."""

    @property
    def verdicts(self) -> Verdicts:
        """What a trial takes of it; what was not measured is taken to be refused."""
        poisoned_ppm = 0 if self.poisoned is None else self.poisoned.rate_ppm
        return Verdicts(self.good.rate_ppm, poisoned_ppm)

    def as_data(self) -> dict[str, Any]:
        """As the file and ``--json`` say it."""
        verdicts = {"good": _data(self.good)}
        if self.poisoned is not None:
            verdicts["poisoned"] = _data(self.poisoned)
        return {
            "calibration": self.scenario,
            "scenario_digest": self.scenario_digest,
            "runs": len(self.seeds),
            "confidence": self.confidence,
            "verdicts": verdicts,
            "attacks": {name: _data(each) for name, each in self.attacks.items()},
            "environment": dict(self.environment),
            "seeds": list(self.seeds),
        }


def chance_of(accepted: Sequence[int], counts: Sequence[int], confidence: float) -> Chance:
    """Put together what was counted in each run.

    Args:
        accepted: Verdicts that accept, by run.
        counts: Verdicts, by run: not all 0.
        confidence: Of the interval.
    """
    total, held = sum(counts), sum(accepted)
    interval = clustered_interval(accepted, counts, confidence)
    return Chance(
        held,
        total,
        sum(count > 0 for count in counts),
        (2 * held * PPM + total) // (2 * total),
        round(interval.low * PPM),
        round(interval.high * PPM),
    )


def to_yaml(calibration: Calibration) -> str:
    """The file."""
    writer = YAML()
    writer.width = 100
    data = calibration.as_data()
    out = StringIO()
    writer.dump(data, out)
    return f"# {_HEADER}\n{out.getvalue()}"


def load_calibration(path: Path) -> Verdicts:
    """Read how likely hospitals accept from such a file.

    Raises:
        StudyError: It cannot be read, or says no such thing; one sentence.
    """
    verdicts = _mapping(_read(path), "verdicts", path)
    unknown = sorted(set(map(str, verdicts)) - {"good", "poisoned"})
    if unknown:
        raise StudyError(f"{path}: verdicts: expected good and poisoned, found {shown(unknown[0])}")
    good_ppm = _rate(verdicts, "good", path)
    return Verdicts(good_ppm, _rate(verdicts, "poisoned", path) if "poisoned" in verdicts else 0)


def _data(chance: Chance) -> dict[str, int]:
    return {
        "rate_ppm": chance.rate_ppm,
        "low_ppm": chance.low_ppm,
        "high_ppm": chance.high_ppm,
        "accepted": chance.accepted,
        "count": chance.count,
        "runs": chance.runs,
    }


def _read(path: Path) -> object:
    try:
        return read_document(read_file(path, str(path)), str(path), "calibration").tree
    except ScenarioError as error:
        raise StudyError(f"{error}; {_REMEDY}") from None


def _mapping(value: object, key: str, path: Path, within: str = "") -> Mapping[str, object]:
    found = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(found, Mapping):
        raise StudyError(f"{path}: expected a mapping {within}{key}; {_REMEDY}")
    return found


def _rate(verdicts: Mapping[str, object], name: str, path: Path) -> int:
    found = _mapping(verdicts, name, path, "verdicts.").get("rate_ppm")
    if type(found) is not int or not 0 <= found <= PPM:
        raise StudyError(
            f"{path}: expected verdicts.{name}.rate_ppm from 0 to {PPM}, found "
            f"{shown(repr(found))}; {_REMEDY}"
        )
    return found
