"""From a study to its cells: every combination of the axes, each a checked scenario.

Nothing runs before everything is checked. A combination of all axes but the number of faulty
hospitals is a *family*; its cells differ in that number only.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from pydantic import ValidationError

from ..errors import ScenarioError, SimulationError
from ..schema import Scenario
from ..schema_errors import sentences
from ..schema_fields import Section
from ..schema_relations import Path as YamlPath
from ..schema_relations import known_as
from ..source import FILES, check
from ..source import grammar as scenario_grammar
from ..source_document import Document, anchor, put, report
from ..source_yaml import dotted
from .axes import Axis, Point, Setting, combinations, count_of, named
from .cell import SPLIT, Task, filled, replica_seed, scenario_of
from .errors import StudyError
from .expectations import check_expectations
from .measures import MEASURES, measures_of
from .schema import (
    CELLS_MAX,
    FAULTY_AXIS,
    OWN_KEYS,
    SCENARIO_KEYS,
    CountRange,
    FaultySection,
    Label,
    PrecisionSection,
    QuestionSection,
    Study,
    VerdictsSection,
)
from .source import StudyFile, grammar
from .statistics import decide, error_each

_FILLED: Final = {"hospital": "hospital", "hospitals": "hospitals", "faulty": "faulty"}
"""Keys of a fault that the study fills in."""


class _Own(Section):
    """What an axis may set of the study itself."""

    faulty: FaultySection | None = None
    verdicts: VerdictsSection | None = None
    question: QuestionSection = QuestionSection()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a family, as numbers."""

    kind: str
    """Rate, mean, quantile or threshold."""
    of: str
    """The measure."""
    status: str
    """What is counted, for rates and thresholds."""
    quantile: float
    """Which, for quantiles."""
    level: float
    """The rate below which the measure is broken, for thresholds."""
    confidence: float
    """Of intervals, and of a threshold as a whole."""
    method: str
    """Of the interval of a rate."""
    search: str
    """Bisection, or every."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of all axes."""

    id: str
    """The name of its file."""
    axes: Mapping[str, Label]
    """Its values; `faulty` last if there is one."""
    task: Task
    """What its replicas depend on."""
    question: Question
    """What is asked of it."""


@dataclass(frozen=True, slots=True)
class Family:
    """Cells that differ in the number of faulty hospitals only."""

    number: int
    """Their place in the study, from 1."""
    axes: Mapping[str, Label]
    """The values of the other axes."""
    task: Task
    """Without faulty hospitals."""
    counts: tuple[int, ...] | None
    """The numbers of faulty hospitals, ascending; None if there is no such axis."""
    question: Question
    """What is asked."""

    def cell(self, faulty: int | None) -> Cell:
        """Return the cell with a number of faulty hospitals."""
        if faulty is None:
            return Cell(f"{self.number:04d}", self.axes, self.task, self.question)
        task = Task(
            self.task.fidelity,
            self.task.scenario,
            self.task.seed,
            self.task.fault,
            faulty,
            self.task.placement,
            self.task.good_ppm,
            self.task.poisoned_ppm,
        )
        axes = {**self.axes, FAULTY_AXIS: faulty}
        return Cell(f"{self.number:04d}-f{faulty:03d}", axes, task, self.question)

    def cells(self) -> Iterator[Cell]:
        """Yield all its cells."""
        for faulty in self.counts or (None,):
            yield self.cell(faulty)

    @property
    def error(self) -> float:
        """What each probe of a threshold may err, so that the threshold is right as asked."""
        count = len(self.counts or (0,))
        if self.question.search == "every":
            return (1 - self.question.confidence) / count
        return error_each(self.question.confidence, 0, count - 1)

    @property
    def bisects(self) -> bool:
        """Whether a threshold is searched for: probes stop as soon as they are decided."""
        return self.question.kind == "threshold" and self.question.search == "bisection"


@dataclass(frozen=True, slots=True)
class Plan:
    """A study, ready to run."""

    file: StudyFile
    """As it was read."""
    kind: str
    """What is asked."""
    families: tuple[Family, ...]
    """Its cells, in order."""
    axes: tuple[tuple[str, tuple[Label, ...]], ...]
    """The axes and their values, in the order of the file; `faulty` last if there is one."""

    @property
    def study(self) -> Study:
        """What the study says."""
        return self.file.study

    @property
    def searches(self) -> bool:
        """Whether thresholds are looked for."""
        return self.kind == "threshold"


def plan(file: StudyFile) -> Plan:
    """Check every cell of a study.

    Raises:
        ScenarioError: A cell is faulty; one sentence a line.
    """
    _check_roots(file)
    _check_size(file, count_of(file.axes), "combinations of axes")
    families = tuple(
        _Combination(file, points).family(number)
        for number, points in enumerate(combinations(file.axes), 1)
    )
    kinds = {family.question.kind for family in families}
    if len(kinds) > 1:
        raise StudyError(
            f"{file.document.file}: question.kind: expected one question for all cells, "
            f"found {' and '.join(sorted(kinds))}; write a study for each"
        )
    kind = kinds.pop()
    if kind != "threshold" or families[0].question.search == "every":
        _check_size(file, sum(len(each.counts or (0,)) for each in families), "cells")
    axes = [(axis.name, axis.labels) for axis in file.axes]
    counts = sorted({count for each in families for count in each.counts or ()})
    if counts:
        axes.append((FAULTY_AXIS, tuple(counts)))
    check_expectations(file.study.expect, axes, file)
    return Plan(file, kind, families, tuple(axes))


def _check_size(file: StudyFile, count: int, what: str) -> None:
    if count > CELLS_MAX:
        place = file.document.place(("sweep",))
        raise StudyError(
            f"{place}: sweep: expected at most {CELLS_MAX} {what}, found {count}; "
            "remove values or make it several studies"
        )


def _check_roots(file: StudyFile) -> None:
    known = (*SCENARIO_KEYS, *OWN_KEYS)
    for setting in _settings(file.axes):
        first = setting.path.partition(".")[0]
        if first not in known:
            where = f"{file.document.place(setting.origin)}: {dotted(setting.origin)}"
            raise StudyError(f"{where}: unknown key '{first}'; {known_as(first, known)}")


def _settings(axes: Sequence[Axis]) -> Iterator[Setting]:
    for axis in axes:
        for point in axis.points:
            yield from point.settings


class _Combination:
    """One value of each axis: what the cells of a family say, and where they say it."""

    def __init__(self, file: StudyFile, points: Sequence[Point]) -> None:
        self._file = file
        self._labels = {
            axis.name: point.label for axis, point in zip(file.axes, points, strict=True)
        }
        below, above = file.document, ("scenario",)
        self._scenario = Document(
            below.file,
            {"scenario": file.study.name, **deepcopy(dict(file.scenario))},
            {path[1:]: line for path, line in below.lines.items() if path[:1] == above},
            {path[1:]: place for path, place in below.overrides.items() if path[:1] == above},
        )
        self._own = Document(
            below.file,
            {key: deepcopy(below.tree[key]) for key in OWN_KEYS if key in below.tree},
            dict(below.lines),
            dict(below.overrides),
        )
        for setting in (each for point in points for each in point.settings):
            self._set(setting)
        anchor(self._scenario, FILES, file.folder)

    def family(self, number: int) -> Family:
        """Return the family.

        Raises:
            ScenarioError: Something in it is faulty.
        """
        try:
            own = _Own.model_validate(self._own.tree)
        except ValidationError as error:
            raise self._fault(report(self._own, error, grammar())) from None
        try:
            scenario = check(self._scenario)
        except ScenarioError as error:
            raise self._fault(str(error)) from None
        question = self._question(own.question)
        task = self._task(scenario, own)
        counts = None if own.faulty is None else self._counts(own.faulty, len(scenario.hospitals))
        family = Family(number, self._labels, task, counts, question)
        if counts is not None:
            self._check_faults(family)
        if question.kind == "threshold":
            self._check_decides(family)
        return family

    def _set(self, setting: Setting) -> None:
        is_own = setting.path.partition(".")[0] in OWN_KEYS
        place = f"{self._file.document.place(setting.origin)}: {dotted(setting.origin)}"
        document = self._own if is_own else self._scenario
        schema = grammar() if is_own else scenario_grammar()
        try:
            put(document, setting.path, deepcopy(setting.value), place, schema)
        except ScenarioError as error:
            raise self._fault(str(error)) from None

    def _task(self, scenario: Scenario, own: _Own) -> Task:
        study = self._file.study
        section = own.verdicts or VerdictsSection()
        good_ppm, poisoned_ppm = section.good_ppm, section.poisoned_ppm
        if study.calibration is not None:
            good_ppm, poisoned_ppm = self._calibrated(study.calibration)
        faulty = own.faulty
        return Task(
            study.fidelity,
            scenario,
            study.seed,
            None if faulty is None else dict(faulty.fault),
            0,
            "last" if faulty is None else faulty.placement,
            good_ppm,
            poisoned_ppm,
        )

    def _calibrated(self, file: str) -> tuple[int, int]:
        from ..calibration.result import load_calibration

        try:
            found = load_calibration(FilePath(file))
        except StudyError as error:
            path: YamlPath = ("calibration",)
            raise StudyError(f"{self._file.document.place(path)}: calibration: {error}") from None
        return found.good_ppm, found.poisoned_ppm

    def _question(self, section: QuestionSection) -> Question:
        fidelity = self._file.study.fidelity
        if section.of is None:
            known = ", ".join(measures_of(fidelity))
            raise self._own_fault(("question", "of"), f"missing; name a measure: {known}")
        measure = MEASURES.get(section.of)
        of: YamlPath = ("question", "of")
        if measure is None or fidelity not in measure.fidelities:
            what = "unknown measure" if measure is None else f"no measure of fidelity '{fidelity}'"
            near = known_as(section.of, measures_of(fidelity))
            raise self._own_fault(of, f"{what}: '{section.of}'; {near}")
        wanted = "status" if section.kind in ("rate", "threshold") else "number"
        if measure.kind != wanted:
            fitting = [each for each in measures_of(fidelity) if MEASURES[each].kind == wanted]
            raise self._own_fault(
                of,
                f"expected a {wanted} for a {section.kind}, found '{section.of}', which is a "
                f"{measure.kind}; known are {', '.join(fitting)}",
            )
        return Question(
            section.kind,
            section.of,
            section.status,
            section.quantile_ppm / 1e6,
            section.level_ppm / 1e6,
            section.confidence_ppm / 1e6,
            section.interval,
            section.search,
        )

    def _counts(self, section: FaultySection, hospitals: int) -> tuple[int, ...]:
        match section.count:
            case "all":
                return tuple(range(hospitals))
            case CountRange(first=first, last=last, step=step):
                counts = tuple(range(first, last + 1, step))
            case tuple() as counts:
                pass
        path: YamlPath = ("faulty", "count")
        if not counts:
            raise self._own_fault(path, "expected 'to' to be at least 'from'")
        if len(set(counts)) < len(counts):
            raise self._own_fault(path, "a number stands here twice")
        if max(counts) > hospitals:
            found = f"found {max(counts)}"
            raise self._own_fault(path, f"expected at most all {hospitals} hospitals, {found}")
        return tuple(sorted(counts))

    def _check_faults(self, family: Family) -> None:
        """Check the cells with the fewest and the most faulty hospitals."""
        path: YamlPath = ("faulty", "fault")
        fault = family.task.fault or {}
        for key in _FILLED:
            if key in fault:
                raise self._own_fault((*path, key), "is filled in by the study; remove it")
        if fault.get("kind") == SPLIT and family.task.placement != "last":
            where: YamlPath = ("faulty", "placement")
            raise self._own_fault(where, "a split finds its own hospitals; remove it")
        scenario = family.task.scenario
        for count in sorted({min(family.counts or ()), max(family.counts or ())} - {0}):
            tree = deepcopy(self._scenario.tree)
            before = tree.get("faults", [])
            faults = [*before, *filled(fault, scenario.hospitals[:count])]  # type: ignore[misc]  # a list, as checked
            try:
                Scenario.model_validate({**tree, "faults": faults})
            except ValidationError as error:
                raise self._fault(self._report_fault(error, len(scenario.faults))) from None
            try:
                self._check_trial(family, count)
            except (SimulationError, StudyError) as error:
                raise self._own_fault(path, str(error)) from None

    def _check_trial(self, family: Family, count: int) -> None:
        cell = family.cell(count)
        scenario = scenario_of(cell.task, replica_seed(cell.task.seed, 0))
        if cell.task.fidelity == "protocol":
            from ..trials.trial import trial_of

            trial_of(scenario)

    def _report_fault(self, error: ValidationError, own_count: int) -> str:
        """Word the errors of the faults that the study fills in, once each."""
        lines: dict[str, None] = {}
        for path, sentence in sentences(error, scenario_grammar()):
            match path:
                case ("faults", int(index), *below) if index >= own_count:
                    where: YamlPath = ("faulty", "fault", *below)
                    lines[f"{self._own.place(where)}: {dotted(where)}: {sentence}"] = None
                case _:
                    lines[f"{self._scenario.place(path)}: {dotted(path)}: {sentence}"] = None
        return "\n".join(lines)

    def _check_decides(self, family: Family) -> None:
        """Check that so many replicas can decide a probe at all."""
        wanted = self._file.study.replications
        if isinstance(wanted, PrecisionSection):
            return
        least = fewest(family.question.level, family.error)
        if wanted < least:
            document = self._file.document
            raise self._fault(
                f"{document.place(('replications',))}: replications: expected at least {least}, "
                f"without which no probe of a threshold is decided with a confidence of "
                f"{family.question.confidence:.1%}, found {wanted}"
            )

    def _own_fault(self, path: YamlPath, sentence: str) -> ScenarioError:
        return self._fault(f"{self._own.place(path)}: {dotted(path)}: {sentence}")

    def _fault(self, sentences_: str) -> ScenarioError:
        """Say in which cell something is faulty, if there is more than one."""
        if not self._labels:
            return StudyError(sentences_)
        cell = f" (with {named(self._labels)})"
        return StudyError("\n".join(line + cell for line in sentences_.splitlines()))


def fewest(level: float, error: float) -> int:
    """The fewest replicas that can decide a probe: if all of them are alike."""
    count = 1
    while decide(count, count, level, error) is None and decide(0, count, level, error) is None:
        count += 1
    return count
