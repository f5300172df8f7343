"""Fuzzing of what stands in a run directory: the audit judges it, or says that it cannot read it.

No other exception comes out, whatever the files hold; a changed ledger is never VALID. See
`tests.test_fuzz_formats` for the environment variables.
"""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.audit import AuditOptions, Judgement, Level, audit_run
from ledger.block import encode_block
from ledger.checkpoint import format_note
from ledger.record import MAGIC, PAYLOAD_SIZE_MAX, frame
from ledger.store import (
    CHECKPOINT_FILE,
    ReadError,
    StoredRecord,
    TornTail,
    read_records,
    segment_path,
)
from scenarios.cli.audit import AuditRequest, audit_command
from tests.corpus.attacks import H1, H2, Scene, cosigned, head, staged
from tests.forge import Forge
from tests.test_fuzz_formats import JSON, fuzzed, patched

FUZZED = settings(parent=fuzzed(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = st.sampled_from(
    [
        MAGIC,
        MAGIC + bytes(8),
        MAGIC + (1).to_bytes(4, "little") + bytes(4),
        MAGIC + PAYLOAD_SIZE_MAX.to_bytes(4, "little") + bytes(4),
        MAGIC + b"\xff" * 8,
        frame(b"a"),
        frame(MAGIC),
        frame(frame(b"inside")),
        frame(bytes(100))[:50],
        bytes(512),
    ]
) | st.binary(max_size=30)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    forge = Forge(count=2, round_count=1)
    return staged(tmp_path_factory.mktemp("run"), forge, forge.blocks())


@pytest.fixture(autouse=True)
def sound(scene: Scene) -> None:
    """Each test begins with the sound run."""
    scene.put(scene.blocks)
    for name in ("run.json", f"ledger/h1/{CHECKPOINT_FILE}", "ledger/h1/00000001.seg"):
        (scene.run / name).unlink(missing_ok=True)
    assert audit_run(scene.run).judgement is Judgement.VALID


@FUZZED
@given(st.lists(st.lists(PIECES, max_size=8).map(b"".join), min_size=1, max_size=3))
def test_segments_of_any_content_are_read_up_to_what_is_wrong(
    scene: Scene, contents: list[bytes]
) -> None:
    directory = scene.run / "fuzzed" / "h1"
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    for index, content in enumerate(contents):
        segment_path(directory, index).write_bytes(content)
    found, error = read_all(directory)
    records = [each for each in found if isinstance(each, StoredRecord)]
    whole = b"".join(frame(each.payload) for each in records)
    assert b"".join(contents).startswith(whole)
    if error is not None:
        assert error.code in ("BAD_MAGIC", "BAD_LENGTH", "BAD_CRC")
        place = sum(map(len, contents[: int(error.file.stem)])) + error.offset
        assert place == len(whole) < sum(map(len, contents))
    elif records != found:
        assert found[:-1] == records
        size = len(contents[-1])
        offset = size - (sum(map(len, contents)) - len(whole))
        torn = TornTail(segment_path(directory, len(contents) - 1), offset, size - offset)
        assert found[-1] == torn
    else:
        assert whole == b"".join(contents)


def read_all(directory: Path) -> tuple[list[StoredRecord | TornTail], ReadError | None]:
    """What is read before our own error, and the error."""
    found: list[StoredRecord | TornTail] = []
    try:
        found.extend(read_records(directory))
    except ReadError as error:
        return found, error
    return found, None


@FUZZED
@given(st.data())
def test_a_changed_segment_is_never_valid(scene: Scene, data: st.DataObject) -> None:
    whole = b"".join(frame(encode_block(block)) for block in scene.blocks)
    changed = data.draw(patched(whole, PIECES))
    scene.segment.write_bytes(changed)
    for level in (Level.L0, Level.L3):
        report = audit_run(scene.run, AuditOptions(level=level))
        assert (report.judgement is Judgement.VALID) is (changed == whole and level is Level.L3)


@FUZZED
@given(st.data())
def test_a_changed_checkpoint_is_sound_or_a_finding(scene: Scene, data: st.DataObject) -> None:
    whole = format_note(cosigned(scene.forge, head(scene.blocks), [H1, H2]))
    path = scene.run / "ledger" / "h1" / CHECKPOINT_FILE
    changed = data.draw(patched(whole, st.binary(max_size=4)))
    path.write_bytes(changed)
    report = audit_run(scene.run)
    assert report.judgement in (Judgement.VALID, Judgement.INVALID)
    if report.judgement is Judgement.VALID:  # lines may be left out, and extensions put in
        assert changed.split(b"\n")[:3] == whole.split(b"\n")[:3]
    path.unlink()


HEIGHTS = st.integers() | st.text(max_size=5) | st.booleans() | st.floats(allow_infinity=False)
ENDS = st.fixed_dictionaries({"height": HEIGHTS, "chain_head": JSON})
NAMES = st.sampled_from(["h1", "h2", "", "\ud800", "\x1b[31m"])
SUMMARIES = st.fixed_dictionaries({"replicas": JSON | st.dictionaries(NAMES, ENDS, max_size=2)})


@FUZZED
@given((JSON | SUMMARIES).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30))
def test_a_summary_of_any_content_is_a_finding_or_nothing(scene: Scene, content: bytes) -> None:
    (scene.run / "run.json").write_bytes(content)
    report = audit_run(scene.run)
    codes = {finding.code for finding in report.findings}
    assert codes <= {"SUMMARY_DIFFERS", "SUMMARY_MALFORMED"}
    if not codes:
        assert json.loads(content)["replicas"] is None


@pytest.mark.parametrize("height", ["Infinity", "-Infinity", "1e999"])
def test_a_summary_of_an_infinite_height_is_a_finding(scene: Scene, height: str) -> None:
    (scene.run / "run.json").write_text(
        f'{{"replicas": {{"h1": {{"height": {height}, "chain_head": ""}}}}}}'
    )
    assert [each.code for each in audit_run(scene.run).findings] == ["SUMMARY_MALFORMED"]


@pytest.mark.parametrize("where", ["run.json", "ledger"])
def test_a_report_shows_no_control_sequence_of_a_run(
    scene: Scene, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    folder = scene.run / "ledger" / "h1\x1b[2J"
    if where == "ledger":
        folder.mkdir()
    else:
        end = {"height": 2, "chain_head": "\x1b[2J"}
        (scene.run / "run.json").write_text(json.dumps({"replicas": {"h1": end}}))
    try:
        audit_command(scene.run, AuditRequest(), as_json=False)
    finally:
        if folder.exists():
            folder.rmdir()
    assert "\x1b" not in capsys.readouterr().out


def test_the_search_for_a_damaged_length_is_bounded(scene: Scene) -> None:
    """Every magic may be where the record should have ended; no more than a thousand are tried."""
    beginning = MAGIC + PAYLOAD_SIZE_MAX.to_bytes(4, "little") + bytes(4)
    scene.segment.write_bytes(beginning + MAGIC * 20_000)
    assert audit_run(scene.run).judgement is Judgement.VALID_PREFIX
