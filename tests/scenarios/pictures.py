"""
Takes the pictures of docs/runbooks: each runbook as its tale says, in the sandbox, at the local
Slack's page. `python -m tests.scenarios.pictures` (`make pictures`), or with the ids of some.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.async_api import Error, Locator

from bot.slack.views import names
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.browser import chromium, window
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.screen import Screen
from tests.scenarios.stage import Incident, Message, Person, has, incident, is_card, until
from tests.scenarios.tales import TALES, Tale

PICTURES = Path(__file__).parents[2] / "docs" / "runbooks" / "pictures"
ORGANIZATIONS = 60
#: Wide enough for a table, and high enough for the longest message to be seen at once.
WIDTH, HEIGHT = 1100, 2600
COLOURS = 64
#: The hour at which pictures are taken is none of their business: any traffic is quiet enough.
ANY_HOUR = {"RB-DB-001": {"quiet": 10.0}, "RB-DB-002": {"low_traffic": 10.0}}
TO_TYPE = re.compile(r"Type (\S+) to approve")


@dataclass
class Telling:
    """One tale in a company that goes on to the next one afterwards."""

    book: str
    tale: Tale
    box: Box
    screen: Screen
    folder: Path
    taken: int = 0

    async def tell(self) -> None:
        for fault in self.tale.faults:
            await self.box.switch(fault, on=True)
        if self.tale.builds:
            self.box.aws.build(self.tale.of)
        try:
            room = await self._starts()
            await (self._of_a_report(room) if self._is_report(room) else self._of_a_run(room))
        finally:
            for fault in self.tale.faults:
                await self.box.switch(fault, on=False)

    def _person(self, name: str) -> Person:
        return Person(self.box, f"U0{name.upper()}")

    async def _starts(self) -> Incident:
        """Where it speaks."""
        before = {one.id for one in self.box.slack.channels()}
        self.box.aws.advance(self.tale.passes_s)
        who, types = self._person(self.tale.by), self._types()
        if self.tale.opens:
            await who.insists(types)
            room = await incident(self.box, before)
        else:
            everybody = [f"U0{name.upper()}" for name in (self.tale.by, *self.tale.approved_by)]
            channel = self.box.slack.add_channel(self.book.lower(), everybody)
            room = Incident(self.box, channel, self.book.lower())
            assert (await who.types(types, channel)).acked
        for button in self.tale.presses:
            await who.presses(await room.offers(button), room.channel, button)
        if self.tale.fills:
            await who.presses(await room.offers(names.ANSWER), room.channel, names.ANSWER)
            form = await who.sees_form(names.ANSWER_MODAL)
            assert not (await who.submits(form, self.tale.fills)).errors
        await room.shows(self.tale.found)
        await self.screen.becomes(self.tale.by.title())
        await self.screen.goes_to(room.name)
        return room

    def _types(self) -> str:
        before = datetime.now(UTC) - timedelta(minutes=1)
        newest = self.box.aws.newest_image(self.tale.of)
        return self.tale.types.format(newest=newest, before=f"{before:%Y-%m-%dT%H:%M:%SZ}")

    def _is_report(self, room: Incident) -> bool:
        return not any(map(is_card, room.messages))

    async def _of_a_report(self, room: Incident) -> None:
        await self._takes("report", await room.offers(names.TIMELINE))

    async def _of_a_run(self, room: Incident) -> None:
        if self.tale.offers:
            await room.offers(self.tale.offers)
        await self._takes("found", room.card)
        if self.tale.plan:
            await self._of_a_change(room)
        if has(room.card, names.CANCEL):
            await self._person(self.tale.by).presses(room.card, room.channel, names.CANCEL)

    async def _of_a_change(self, room: Incident) -> None:
        who = self._person(self.tale.by)
        if self.tale.picks:
            action = f"{names.PICK}:{self.tale.picks}"
            await who.presses(await room.offers(action), room.channel, action)
        if self.tale.chooses:
            message, action, value = await until(self.box, lambda: self._choice(room))
            await who.presses(message, room.channel, action, value)
        asked = await room.asks_for_approval(self.tale.plan)
        await self._takes("approval", asked)
        for name in self.tale.approved_by:
            await self._approves(self._person(name), room)
        if self.tale.watches:
            await room.shows(self.tale.watches)
            await self._takes("watch", room.card)
        if self.tale.pauses:
            await self._pauses(room)
        if self.tale.done:
            await room.shows(self.tale.done)
            await self._takes("done", room.card)

    async def _pauses(self, room: Incident) -> None:
        who = self._person(self.tale.by)
        pause, resume = (f"{one}:{self.tale.pauses}" for one in (names.PAUSE, names.RESUME))
        await who.presses(await room.offers(pause), room.channel, pause)
        paused = await room.offers(resume)
        await self._takes("paused", paused)
        await who.presses(paused, room.channel, resume)

    def _choice(self, room: Incident) -> tuple[Message, str, str] | None:
        labelled = ((one, *choice) for one in room.messages for choice in choices(one))
        found = ((m, a, v) for m, a, v, label in labelled if self.tale.chooses in label)
        return next(found, None)

    async def _approves(self, who: Person, room: Incident) -> None:
        asked = await room.asks_for_approval(self.tale.plan)
        if not has(asked, names.APPROVE_DESTROY):
            await who.presses(asked, room.channel, names.APPROVE)
            return
        await who.presses(asked, room.channel, names.APPROVE_DESTROY)
        form = await who.sees_form(names.APPROVE_MODAL)
        (typed,) = TO_TYPE.findall(str(form))
        assert not (await who.submits(form, {names.TYPED: typed})).errors

    async def _takes(self, what: str, message: Message) -> None:
        self.taken += 1
        path = self.folder / f"{self.book}-{self.taken}-{what}.png"
        shown = self.screen.messages.and_(self.screen.page.locator(f"[data-ts='{message['ts']}']"))
        await _photograph(shown, path)
        make_small(path)


async def _photograph(shown: Locator, path: Path) -> None:
    """A message that is edited just then is drawn anew, and is another element."""
    for last in (False, False, False, True):
        try:
            await shown.screenshot(path=path, animations="disabled")
            return
        except Error:
            if last:
                raise


def choices(message: Message) -> Iterator[tuple[str, str, str]]:
    """Action, value and label of each button, or of each entry of a menu, that chooses."""
    for block in message.get("blocks", ()):
        for element in block.get("elements", ()):
            if str(element.get("action_id", "")).startswith(names.CHOOSE):
                for one in element.get("options") or [element]:
                    yield element["action_id"], one["value"], one["text"]["text"]


def make_small(path: Path) -> None:
    """A message has few colours."""
    with Image.open(path) as whole:
        few = whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


@asynccontextmanager
async def at_the_page(box: Box) -> AsyncIterator[Screen]:
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as address:
        async with window(address) as context:
            page = await context.new_page()
            await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            screen = Screen(page, Path(profile))
            await screen.opens(box.slack.url)
            await screen.says("Good morning")  # somebody else waits to see anything here
            yield screen


def forget(book: str, folder: Path) -> None:
    for old in folder.glob(f"{book}-*.png"):
        old.unlink()


async def take(books: Sequence[str], folder: Path = PICTURES) -> None:
    """Anew; what there was of a book before is gone."""
    with tempfile.TemporaryDirectory() as place:
        async with (
            Database(organizations=ORGANIZATIONS) as database,
            company_in(Path(place), database) as box,
            bot_in(box, thresholds=ANY_HOUR),
            at_the_page(box) as screen,
        ):
            for book in books:
                forget(book, folder)
                await Telling(book, TALES[book], box, screen, folder).tell()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1:] or list(TALES)))
