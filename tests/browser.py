"""A real Chromium without a screen, and what a page did in it that it should not have."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

LAUNCH = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000
"""After which a page that does not get ready fails a test."""


@dataclass
class Opened:
    """A page that was opened from a file."""

    page: Page
    """The page."""
    troubles: list[str] = field(default_factory=list)
    """Errors that it logged or threw, and requests that it made beyond itself."""

    def embedded(self, key: str) -> Any:
        """What stands in the page as data."""
        return json.loads(self.page.locator(f"script#{key}").text_content() or "null")

    def drawn(self) -> dict[str, int]:
        """How many SVG elements each figure has that is shown."""
        script = """() => Object.fromEntries([...document.querySelectorAll('[data-figure]')]
            .filter((e) => e.closest('[hidden]') === null)
            .map((e) => [e.dataset.figure, e.querySelectorAll('svg.main-svg').length]))"""
        found: dict[str, int] = self.page.evaluate(script)
        return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; skip where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(LAUNCH))
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, **context: Any) -> Iterator[Opened]:
    """Open a report from its file, and wait until all of it is there."""
    made = browser.new_context(**context)
    page = made.new_page()
    found = Opened(page)
    page.on("pageerror", lambda error: found.troubles.append(f"page error: {error}"))
    page.on(
        "console",
        lambda said: (
            found.troubles.append(f"{said.type}: {said.text}") if said.type == "error" else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            found.troubles.append(f"request: {asked.url}")
            if not asked.url.startswith((file.as_uri(), "data:", "blob:"))
            else None
        ),
    )
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-figures=drawn]", timeout=PATIENCE_MS)
    if page.locator("#ledger-view").count():
        page.wait_for_selector("#ledger-view .banner[data-state]", timeout=PATIENCE_MS)
    yield found
    made.close()


def edited(file: Path, out: Path, key: str, data: Any) -> Path:
    """The same page with other embedded data: what somebody who changes the file can do."""
    text = file.read_text("utf-8")
    inside = json.dumps(data).replace("<", "\\u003c")
    pattern = rf'(<script type="application/json" id="{key}">).*?(</script>)'
    changed, count = re.subn(
        pattern, lambda found: found[1] + inside + found[2], text, flags=re.DOTALL
    )
    assert count == 1
    out.write_text(changed, "utf-8")
    return out
