"""The report of a run in a real browser: all drawn, nothing runs that was not meant to."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import Opened, chromium, edited, opened
from tests.program import tclearn
from tests.reporting import HOSTILE, make_run, poison_words

CHARTS = {"accuracy", "loss", "scores-global", "scores-local", "votes", "latency"} | {
    "bytes-between",
    "stages-computing",
    "stages-sending",
    "radar",
    "trust",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="module")
def report(run: Path) -> Path:
    done = tclearn("report", run, "--out", "report.html", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    return run.parent / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def shared(browser: Browser, report: Path) -> Iterator[Opened]:
    with opened(browser, report) as found:
        yield found


@pytest.fixture
def page(shared: Opened) -> Iterator[Opened]:
    """One page for all tests that put back what they change: to open one takes a second."""
    yield shared
    assert shared.troubles == []


def banner(found: Opened) -> tuple[str | None, str]:
    place = found.page.locator("#ledger-view .banner")
    return place.get_attribute("data-state"), place.inner_text()


def faulty_blocks(found: Opened) -> list[int]:
    rows = found.page.locator("tr[data-verified=no]").all()
    return [int(row.get_attribute("data-height") or -1) for row in rows]


def test_every_figure_is_drawn_in_light_and_in_dark(browser: Browser, report: Path) -> None:
    for scheme in ("light", "dark"):
        with opened(browser, report, color_scheme=scheme) as found:
            drawn = found.drawn()
            assert set(drawn) == CHARTS
            assert all(drawn.values()), drawn
            assert found.troubles == []


def test_the_verdict_comes_first_and_every_invariant_has_its_reason(page: Opened) -> None:
    assert page.page.locator(".verdict strong").inner_text() == "As expected"
    rows = page.page.locator("#table-invariants tbody tr")
    assert rows.count() == 6
    assert "held" in rows.first.inner_text()


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, report: Path) -> None:
    with opened(browser, report, viewport={"width": 360, "height": 740}) as found:
        assert found.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert found.troubles == []


def test_the_page_verifies_the_ledger_by_itself(page: Opened) -> None:
    state, words = banner(page)
    assert state == "good"
    assert words.startswith("6 of 6 blocks verify")
    assert "WebCrypto" in words
    heads = page.page.locator(".heads tbody tr")
    assert heads.count() == 4
    assert all("the same head" in row.inner_text() for row in heads.all())


def test_the_page_hashes_what_the_ledger_hashes(page: Opened, run: Path) -> None:
    summary = json.loads((run / "run.json").read_text("utf-8"))
    hashes = page.page.evaluate(
        "async () => (await tclearn.ledger.verify(tclearn.data('ledger-data')))"
        ".blocks.map((b) => b.hash)"
    )
    assert hashes[-1] == summary["chain_head"]
    assert hashes[0] == summary["chain_id"]


def test_without_webcrypto_the_page_hashes_by_itself_and_says_so(
    browser: Browser, report: Path
) -> None:
    with opened(browser, report) as found:
        found.page.add_init_script(
            "Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined});"
        )
        found.page.reload()
        found.page.wait_for_selector("#ledger-view .banner[data-state]")
        state, words = banner(found)
        assert state == "good"
        assert "6 of 6 blocks verify" in words
        assert "a SHA-256 of its own" in words


def test_without_any_sha256_the_page_claims_nothing(browser: Browser, report: Path) -> None:
    with opened(browser, report) as found:
        found.page.add_init_script(
            "Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined});"
            "addEventListener('DOMContentLoaded', () => {}, {once: true});"
            "const cbrt = Math.cbrt; Math.cbrt = (x) => cbrt(x) + 0.001;"
        )
        found.page.reload()
        found.page.wait_for_selector("#ledger-view .banner[data-state]")
        state, words = banner(found)
        assert state == "unknown"
        assert words.startswith("Nothing was verified")


def test_one_altered_byte_of_the_file_turns_its_block_red(
    browser: Browser, page: Opened, report: Path, tmp_path: Path
) -> None:
    data = page.embedded("ledger-data")
    data["blocks"][3]["core"] = altered(data["blocks"][3]["core"], 40)
    with opened(browser, edited(report, tmp_path / "x.html", "ledger-data", data)) as found:
        state, words = banner(found)
        assert state == "bad"
        assert words == "5 of 6 blocks verify. Not as recorded: block 3."
        assert faulty_blocks(found) == [3]


def test_two_swapped_blocks_of_the_file_turn_red(
    browser: Browser, page: Opened, report: Path, tmp_path: Path
) -> None:
    data = page.embedded("ledger-data")
    blocks = data["blocks"]
    blocks[2], blocks[3] = blocks[3], blocks[2]
    with opened(browser, edited(report, tmp_path / "x.html", "ledger-data", data)) as found:
        state, words = banner(found)
        assert state == "bad"
        assert words.startswith("4 of 6 blocks verify")
        assert faulty_blocks(found) == [2, 3]


def altered(core: str, offset: int) -> str:
    found = bytearray(base64.b64decode(core))
    found[offset] ^= 1
    return base64.b64encode(found).decode()


def faults(page: Opened, data: dict[str, Any]) -> list[int]:
    """The blocks in which the page finds something when it verifies this ledger."""
    script = """async (data) => (await tclearn.ledger.verify(data)).blocks
        .filter((block) => block.faults.length > 0).map((block) => block.height)"""
    found: list[int] = page.page.evaluate(script, data)
    return found


def test_every_altered_byte_is_found(page: Opened) -> None:
    clean = page.embedded("ledger-data")
    assert faults(page, clean) == []
    size = len(base64.b64decode(clean["blocks"][2]["core"]))
    for offset in (*range(0, size, 37), size - 1):
        data = page.embedded("ledger-data")
        data["blocks"][2]["core"] = altered(data["blocks"][2]["core"], offset)
        assert faults(page, data) == [2], offset


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 4), (2, 3), (4, 5)])
def test_swapped_blocks_are_found(page: Opened, first: int, second: int) -> None:
    data = page.embedded("ledger-data")
    blocks = data["blocks"]
    blocks[first], blocks[second] = blocks[second], blocks[first]
    assert {first, second} <= set(faults(page, data))


def test_a_missing_block_is_found(page: Opened) -> None:
    data = page.embedded("ledger-data")
    del data["blocks"][2]
    assert 2 in faults(page, data)


def test_a_block_that_is_no_base64_or_no_map_is_found(page: Opened) -> None:
    for core in ("!", "AA==", ""):
        data = page.embedded("ledger-data")
        data["blocks"][2]["core"] = core
        assert faults(page, data) == [2]


def forged(page: Opened, number: int, words: bytes, other: bytes) -> dict[str, Any]:
    """The ledger with words of a block replaced, and its hash with them."""
    data: dict[str, Any] = page.embedded("ledger-data")
    core = base64.b64decode(data["blocks"][number]["core"])
    assert words in core
    changed = base64.b64encode(core.replace(words, other)).decode()
    script = """([label, core]) => tclearn.hex(tclearn.sha256(
        new Uint8Array([...new TextEncoder().encode(label), 0, ...tclearn.bytes(core)])))"""
    digest = page.page.evaluate(script, [data["label"], changed])
    data["blocks"][number] |= {"core": changed, "hash": digest}
    return data


def test_a_hash_that_was_forged_with_its_block_breaks_the_chain(page: Opened) -> None:
    assert faults(page, forged(page, 3, b"hospital-3", b"hospital-2")) == [4]


def test_a_forged_last_block_is_not_where_the_replicas_end(
    browser: Browser, page: Opened, report: Path, tmp_path: Path
) -> None:
    data = forged(page, 5, b"hospital-1", b"hospital-2")
    assert faults(page, data) == [5]
    with opened(browser, edited(report, tmp_path / "x.html", "ledger-data", data)) as found:
        assert "another block at this height" in found.page.locator(".heads").inner_text()


def test_a_block_opens_and_shows_what_its_bytes_say(page: Opened) -> None:
    button = page.page.get_by_role("button", name="3", exact=True)
    button.focus()
    page.page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    inside = page.page.locator("#block-3").inner_text()
    for words in ("rejected", "hospital-3", "prev_voters", "global_score", "refuses"):
        assert words in inside


def test_the_ledger_is_filtered_by_words_and_by_type(page: Opened) -> None:
    rows = page.page.locator("#ledger-view tr[data-height]")
    page.page.get_by_label("Filter").last.fill("hospital-3")
    assert rows.count() == 1
    page.page.get_by_label("Filter").last.fill("")
    page.page.get_by_label("Type").select_option("accepted")
    assert rows.count() == 3
    page.page.get_by_label("Type").select_option("")
    assert rows.count() == 6


def test_a_head_that_was_kept_elsewhere_is_found_in_the_chain(page: Opened, run: Path) -> None:
    summary = json.loads((run / "run.json").read_text("utf-8"))
    field = page.page.get_by_label("A chain head that you kept elsewhere")
    field.fill(summary["chain_head"])
    assert "is block 5 of this chain" in page.page.locator("#ledger-view output").inner_text()
    field.fill("0" * 64)
    assert "is no block" in page.page.locator("#ledger-view output").inner_text()


def share(found: Opened) -> int:
    return int(found.page.locator("#animation-view input[type=range]").input_value())


def test_the_animation_steps_plays_and_pauses(page: Opened) -> None:
    view = page.page.locator("#animation-view")
    view.locator("#slot-choice").select_option(index=0)
    assert share(page) == 0
    page.page.get_by_role("button", name="One step forward").click()
    after_one = share(page)
    for _ in range(12):
        page.page.get_by_role("button", name="One step forward").click()
    assert share(page) > after_one
    assert page.page.locator(".hospital[data-judged=accepts]").count() > 0
    page.page.get_by_role("button", name="One step back").click()
    here = share(page)
    page.page.get_by_role("button", name="Play").click()
    page.page.wait_for_function(
        "(here) => Number(document.querySelector('input[type=range]').value) > here",
        arg=here,
    )
    page.page.get_by_role("button", name="Pause").click()
    assert view.get_attribute("data-playing") == "no"


def test_at_the_end_of_a_slot_every_hospital_has_recorded(page: Opened) -> None:
    slider = page.page.locator("#animation-view input[type=range]")
    page.page.locator("#slot-choice").select_option(index=0)
    slider.focus()
    page.page.keyboard.press("End")
    assert page.page.locator(".hospital[data-state=records][data-type=accepted]").count() == 4
    chooser = page.page.locator("#slot-choice")
    labels = chooser.locator("option").all_inner_texts()
    assert labels == ["1: the first", "2", "3: rejected", "4", "5: end"]
    chooser.select_option(index=2)
    assert page.page.locator(".hospital[data-state=records]").count() == 0
    slider.focus()
    page.page.keyboard.press("End")
    assert page.page.locator(".hospital[data-state=records][data-type=rejected]").count() == 4


def test_messages_fly_in_the_middle_of_a_slot(page: Opened) -> None:
    script = """(share) => {
        const slider = document.querySelector('#animation-view input[type=range]');
        slider.value = share;
        slider.dispatchEvent(new Event('input'));
        return Number(document.querySelector('.stage').dataset.flying);
    }"""
    assert any(page.page.evaluate(script, share) > 0 for share in (100, 200, 300, 400))


def test_who_wants_no_motion_is_taken_from_step_to_step(browser: Browser, report: Path) -> None:
    with opened(browser, report, reduced_motion="reduce") as found:
        found.page.get_by_role("button", name="Play").click()
        found.page.wait_for_function(
            "document.querySelectorAll('.hospital[data-judged=accepts]').length > 0"
        )
        found.page.get_by_role("button", name="Pause").click()
        assert found.troubles == []


def test_hostile_words_stay_words(browser: Browser, run: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    shutil.copytree(run, hostile)
    poison_words(hostile)
    done = tclearn("report", hostile, "--out", "hostile.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with opened(browser, tmp_path / "hostile.html") as found:
        for option in range(2):
            found.page.locator("#slot-choice").select_option(index=option)
        for button in found.page.locator("#ledger-view tr[data-height] button").all():
            button.click()
        assert found.page.evaluate("window.hacked") is None
        assert found.page.locator("img").count() == 0
        assert found.page.locator(".lead").inner_text() == HOSTILE
        assert HOSTILE in found.page.locator("#table-invariants").inner_text()
        assert all(found.drawn().values())
        assert found.troubles == []


def test_a_script_that_somebody_adds_does_not_run(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    text = report.read_text("utf-8")
    added = tmp_path / "added.html"
    words = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'></main>"
    added.write_text(text.replace("</main>", words, 1), "utf-8")
    with opened(browser, added) as found:
        assert found.page.evaluate("window.hacked") is None
        refused = [each for each in found.troubles if "Content Security Policy" in each]
        assert refused


def test_no_request_can_leave_the_page(browser: Browser, report: Path) -> None:
    with opened(browser, report) as found:
        said: Any = found.page.evaluate(
            "fetch('http://127.0.0.1:9/').then(() => 'left', () => 'refused')"
        )
        assert said == "refused"
        assert any("Content Security Policy" in each for each in found.troubles)
