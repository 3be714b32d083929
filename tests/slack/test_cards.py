"""Which of the bot's messages stands where is read from what was really sent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.slack.cards import EVERY_S, PATIENCE_S, Cards
from bot.store.outbox_tables import messages
from bot.store.store import Store

PLACE = ("C0ROOM", "1700000000.000100")


class Naps:
    """Counts the seconds."""

    def __init__(self) -> None:
        self.slept = 0.0

    async def __call__(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/bot.db")
    await opened.open()
    yield opened
    await opened.close()


async def sent(store: Store, name: str, place: tuple[str, str] = PLACE) -> None:
    def write(c: sa.Connection) -> None:
        c.execute(
            sa.insert(messages).values(
                name=name, run=name.split("/")[0], channel=place[0], ts=place[1], revision=1,
                hash="", sent_at=0.0,
            )
        )  # fmt: skip

    await store.tx(write)


@pytest.mark.parametrize(
    ("name", "about", "is_it"),
    [
        ("7F3K/approval/ap1", "ap1", True),
        ("7F3K/approval/ap1", "7F3K", True),
        ("7F3K/question/q1", "q1", True),
        ("7F3K/glass/ap1/alerts", "ap1", True),
        ("7F3K/card", "7F3K", True),
        ("7F3K/step/roll_back#1", "7F3K", True),
        ("7F3K/approval/ap1", "ap2", False),
        ("7F3K/approval/ap1", "9ZZZ", False),
        ("7F3K/approval/ap1", "approval", False),
        ("7F3K/card", "ap1", False),
        ("7F3K/card", "", False),
        ("7F3K/step/roll_back#1", "ap1", False),
    ],
)
async def test_a_message_is_about_its_run_and_what_it_asks(
    store: Store, name: str, about: str, is_it: bool
) -> None:
    await sent(store, name)
    assert await Cards(store, Naps()).shows(*PLACE, about) is is_it


@pytest.mark.parametrize("place", [("C0OTHER", PLACE[1]), (PLACE[0], "1700000000.000200")])
async def test_what_stands_elsewhere_is_waited_for_and_then_is_not_there(
    store: Store, place: tuple[str, str]
) -> None:
    await sent(store, "7F3K/approval/ap1")
    naps = Naps()
    assert not await Cards(store, naps).shows(*place, "ap1")
    assert naps.slept == pytest.approx(PATIENCE_S)


async def test_a_message_that_slack_shows_before_the_bot_hears_of_it_counts(store: Store) -> None:
    async def nap(seconds: float) -> None:
        assert seconds == EVERY_S
        await sent(store, "7F3K/approval/ap1")

    assert await Cards(store, nap).shows(*PLACE, "ap1")
