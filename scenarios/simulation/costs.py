"""What computing takes in simulated time: measured medians from a file, never this run's clock.

Two machines therefore give the same trace. ``benchmarks/cost_profile.py`` measures and writes a
profile.
"""

from dataclasses import dataclass, fields
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..errors import ScenarioError

PROFILES = Path(__file__).parent.parent / "costs"
"""The profiles that come with the program."""
PROFILE_SIZE_MAX = 64 * 1024
"""Bytes."""
NANOSECONDS_MAX = 10**12
"""The largest cost: about a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class CostProfile:
    """Medians in nanoseconds on one core."""

    train_ns: int
    """Training, per sample and epoch."""
    validate_ns: int
    """Validating a candidate on G and L, per sample."""
    sign_ns: int
    """One signature."""
    verify_ns: int
    """Verifying one signature."""
    prove_ns: int
    """Proving a norm, of however few parameters."""
    prove_parameter_ns: int
    """The same, for each parameter beside."""
    check_ns: int
    """Verifying such a proof, of however few parameters."""
    check_parameter_ns: int
    """The same, for each parameter beside."""

    def train_us(self, sample_count: int, epoch_count: int) -> int:
        """Simulated microseconds of a training."""
        return max(1, self.train_ns * sample_count * epoch_count // 1000)

    def validate_us(self, sample_count: int) -> int:
        """Simulated microseconds of a validation."""
        return max(1, self.validate_ns * sample_count // 1000)

    def prove_us(self, parameter_count: int) -> int:
        """Simulated microseconds of proving the norm of an update."""
        return (self.prove_ns + self.prove_parameter_ns * parameter_count) // 1000

    def check_us(self, parameter_count: int) -> int:
        """Simulated microseconds of verifying such a proof."""
        return (self.check_ns + self.check_parameter_ns * parameter_count) // 1000

    @property
    def sign_us(self) -> int:
        """Simulated microseconds of one signature."""
        return self.sign_ns // 1000

    @property
    def verify_us(self) -> int:
        """Simulated microseconds of verifying one signature."""
        return self.verify_ns // 1000


def load_profile(name_or_path: str) -> CostProfile:
    """Read a cost profile: one that comes with the program by its name, or a YAML file.

    Raises:
        ScenarioError: When there is none, or it is not a cost profile.
    """
    own = name_or_path.endswith(".yaml")
    path = Path(name_or_path) if own else PROFILES / f"{name_or_path}.yaml"
    try:
        if path.stat().st_size > PROFILE_SIZE_MAX:
            raise ScenarioError(f"costs: {path} is larger than {PROFILE_SIZE_MAX} bytes")
        content = YAML(typ="safe").load(path.read_text("utf-8"))
    except OSError as error:
        known = ", ".join(sorted(each.stem for each in PROFILES.glob("*.yaml")))
        what = f"cannot read {path}: {error.strerror}" if own else f"no profile {name_or_path!r}"
        raise ScenarioError(f"costs: {what}; profiles by name: {known}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"costs: {path} is not YAML: {str(error).splitlines()[0]}") from None
    return _read_profile(content, path)


def _read_profile(content: object, path: Path) -> CostProfile:
    names = [field.name for field in fields(CostProfile)]
    if not isinstance(content, dict) or sorted(map(str, content)) != sorted(names):
        raise ScenarioError(f"costs: expected exactly {', '.join(names)} in {path}")
    for name in names:
        value = content[name]
        if type(value) is not int or not 0 <= value <= NANOSECONDS_MAX:
            raise ScenarioError(
                f"costs: expected {name} in {path} to be 0 to {NANOSECONDS_MAX} (nanoseconds), "
                f"found {value!r}"
            )
    return CostProfile(**content)
