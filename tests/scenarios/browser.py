"""A browser of the machine's, started once for many tests and ended by its own id."""

import re
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from playwright.async_api import BrowserContext, async_playwright

SIZE = (1440, 900)
LISTENING = re.compile(r"DevTools listening on (ws://\S+)")
FLAGS = (
    "--headless",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """The address at which it can be driven."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("These tests drive Chromium: apt-get install chromium")
    browser = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert browser.stderr is not None
    try:
        said = (LISTENING.search(line) for line in browser.stderr)
        address = next((found[1] for found in said if found), None)
        if address is None:
            raise RuntimeError(f"{program} ended before it could be driven")
        threading.Thread(target=browser.stderr.read, daemon=True).start()  # A full pipe blocks it.
        yield address
    finally:
        browser.terminate()
        browser.wait()


@asynccontextmanager
async def window(address: str) -> AsyncIterator[BrowserContext]:
    """A window that knows nothing of those before it."""
    width, height = SIZE
    async with async_playwright() as driver:
        browser = await driver.chromium.connect_over_cdp(address)
        context = await browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="light"
        )
        try:
            yield context
        finally:
            await context.close()
