"""
What a person does and sees at the sandbox's page, in the words of the story.

Everything is typed and clicked, and found by its role and name, as a screen reader finds it. Every
wait is for something to be seen.
"""

import re
from pathlib import Path

from playwright.async_api import ConsoleMessage, Locator, Page, Response, expect

from tests.scenarios.stage import PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000
expect.set_options(timeout=PATIENCE_MS)


class Screen:
    """`pictures`: the folder of the screenshots, in the order in which they were taken."""

    def __init__(self, page: Page, pictures: Path) -> None:
        page.set_default_timeout(PATIENCE_MS)
        self.page = page
        self.troubles: list[str] = []  #: What the browser complained about.
        self._pictures = pictures
        self._taken = 0
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.troubles.append(f"{error.name}: {error.message}"))
        page.on("response", self._note_response)

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("combobox", name=re.compile(r"^Message #"))

    @property
    def messages(self) -> Locator:
        return self.page.get_by_role("log", name="Messages").get_by_role("article")

    @property
    def thread(self) -> Locator:
        return self.page.get_by_role("complementary", name="Thread")

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert").filter(has_text=re.compile(r"\S"))

    def form(self, title: str) -> Locator:
        return self.page.get_by_role("dialog", name=title)

    def field(self, label: str) -> Locator:
        return self.page.get_by_role("dialog").get_by_role("textbox", name=label)

    async def opens(self, url: str) -> None:
        await self.page.goto(url)
        await expect(self.composer).to_be_focused()

    async def picture(self, name: str) -> None:
        self._taken += 1
        await self.page.screenshot(path=self._pictures / f"{self._taken:02d} {name}.png")

    async def types(self, text: str) -> None:
        """Letter by letter, to wherever the caret is."""
        await self.page.keyboard.type(text)

    async def presses_key(self, key: str) -> None:
        await self.page.keyboard.press(key)

    async def says(self, text: str) -> None:
        await self.composer.click()
        await self.types(text)
        await self.presses_key("Enter")

    async def breaks(self, fault: str) -> None:
        """Switches a fault of the company on, at the page's panel."""
        faults = self.page.get_by_role("button", name=re.compile("^Faults"))
        await faults.click()
        switch = self.page.get_by_role("switch", name=re.compile(f"^{fault}"))
        await switch.check()
        await expect(faults).to_have_text("Faults (1 on)")
        await faults.click()
        await expect(switch).to_be_hidden()

    async def goes_to(self, channel: str) -> None:
        """`channel`: how its name ends."""
        rows = self.page.get_by_role("navigation", name="Channels").get_by_role("link")
        await rows.and_(self.page.get_by_title(re.compile(f"{channel}$"))).click()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(channel)

    async def becomes(self, name: str) -> None:
        await self.page.get_by_role("button", name=re.compile("^You are ")).click()
        await self.page.get_by_role("link", name=re.compile(f"^{name}")).click()
        me = self.page.get_by_role("button", name=re.compile(f"^You are {name}"))
        await expect(me).to_be_visible()
        await expect(self.messages).not_to_have_count(0)

    async def presses(self, name: str, beside: str = "", times: int = 1) -> None:
        """`beside`: of several, the one in the line with these words."""
        where = self.messages
        if beside:
            where = self.page.locator("[data-block-type=section]").filter(has_text=beside)
        button = where.get_by_role("button", name=name, exact=True).last
        await button.click(click_count=times)

    async def agrees(self, question: str, answer: str, times: int = 1) -> None:
        """In the dialog that asks once more."""
        dialog = self.page.get_by_role("alertdialog", name=re.compile(question))
        await dialog.get_by_role("button", name=answer, exact=True).click(click_count=times)
        await expect(dialog).to_have_count(0)

    async def submits(self, label: str) -> None:
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("button", name=label, exact=True).click()

    async def reads(self, words: str) -> Locator:
        """Waits until a message of the channel has these words; the newest that has."""
        found = self.messages.filter(has_text=words).last
        await expect(found).to_be_visible()
        return found

    async def opens_thread(self) -> None:
        await self.messages.get_by_role("button", name=re.compile(r"\d repl")).first.click()
        reply = self.thread.get_by_role("combobox", name="Reply in this thread")
        await expect(reply).to_be_focused()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status} {response.url}")
