"""Whatever goes wrong for a while, in whatever order: everything is there once, in its place."""

import asyncio
import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.store import outbox
from bot.store.deliveries import Delivery, message
from bot.store.rooms import begin_room
from tests.slack.delivering import World
from tests.slack.small_slack import START, SmallSlack

Deed = tuple[str, str | float]
TROUBLED = (
    "chat.postMessage",
    "chat.update",
    "files.getUploadURLExternal",
    "upload",
    "files.completeUploadExternal",
    "conversations.history",
    "conversations.replies",
    "files.info",
)
MISHAPS = ("lost before", "lost after", "not sent", "limited", "internal_error", "fatal_error")
#: What cannot be lost after it took effect is not sent at all: an upload has no effect.
MISHAP = st.tuples(st.sampled_from(TROUBLED), st.sampled_from(MISHAPS)).map(
    lambda both: ("goes wrong", " ".join(both) if both[0] != "upload" else "upload not sent")
)
DEED = st.one_of(
    st.sampled_from([("puts", "post"), ("puts", "reply"), ("puts", "file"), ("puts", "card")]),
    MISHAP,
    MISHAP,
    st.tuples(st.just("sets the clock"), st.sampled_from([-7200.0, -30.0, 30.0, 7200.0])),
    st.tuples(st.just("waits"), st.sampled_from([1.0, 4.0])),
    st.just(("is killed", "")),
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


class Life:
    """A run with a card, and what happens to it."""

    def __init__(self, world: World, run: str) -> None:
        self._world, self._run = world, run
        self.put: list[Delivery] = []
        self.card = 0

    async def does(self, deed: str, what: str | float) -> None:
        world = self._world
        if deed == "puts":
            await world.deliver(self._delivery(str(what)), run=self._run)
        elif deed == "goes wrong":
            method, _, mishap = str(what).partition(" ")
            world.slack.will(method, mishap)
        elif deed == "sets the clock":
            world.clock.time += float(what)
            world.outbox.wake()
        elif deed == "waits":
            await world.after(float(what))
        else:
            await world.kill()
            world.start()
            await world.quiet()

    def _delivery(self, what: str) -> Delivery:
        name = f"{self._run}/{what}/{len(self.put)}"
        thread = f"{self._run}/card" if what in ("reply", "file") else None
        if what == "card":
            self.card += 1
            return message(f"{self._run}/card", f"card {self.card}")
        if what == "file":
            payload = {
                "filename": "r.csv",
                "title": "r",
                "content": base64.b64encode(b"r").decode(),
            }
            self.put.append(Delivery(name, "file", payload, thread=thread))
        else:
            self.put.append(message(name, name, thread=thread))
        return self.put[-1]


async def lives(world: World, run: str, deeds: Sequence[Deed]) -> None:
    world.clock.time = START + world.clock.monotonic()
    world.slack = world.calls = SmallSlack(now=lambda: START + world.clock.monotonic())
    await world.store.tx(begin_room, run, "C-ORIGIN", False)
    world.start()
    life = Life(world, run)
    await life.does("puts", "card")
    for deed, what in deeds:
        await life.does(deed, what)
    await world.after(400, step_s=4.0)
    await world.outbox.stop(0)
    there, posts = world.slack.messages["C-ORIGIN"], [d for d in life.put if d.kind == "message"]
    assert await world.store.read(outbox.dead) == []
    assert len(world.slack.shared) == len(life.put) - len(posts)
    assert [m["text"] for m in there if m["text"].startswith("card")] == [f"card {life.card}"]
    for thread in (None, f"{run}/card"):
        seen = [m["text"] for m in there if ("thread_ts" in m) == bool(thread)]
        assert [text for text in seen if text.startswith(run)] == [
            post.name for post in posts if post.thread == thread
        ]


def test_everything_is_there_once_and_in_its_place(tmp_path: Path, runner: asyncio.Runner) -> None:
    world, runs = runner.run(World(tmp_path).open()), iter(range(10_000))
    runner.run(world.outbox.stop(0))

    @settings(
        max_examples=settings().max_examples // 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(DEED, max_size=12))
    def anything(deeds: Sequence[Deed]) -> None:
        runner.run(lives(world, f"R{next(runs)}", deeds))

    anything()
    runner.run(world.close())
