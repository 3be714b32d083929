"""The outbox is killed at every single point where it waits for the store or for Slack."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.slack.calls import Answer
from bot.store.deliveries import Delivery, message
from tests.slack.delivering import World
from tests.slack.small_slack import Message, Mishap, Rule

WORK = (
    message("7F3K/card", "card 1"),
    message("7F3K/step/1", "detail", thread="7F3K/card"),
    Delivery("7F3K/pin", "pin", {"message": "7F3K/card"}),
    Delivery(
        "7F3K/file",
        "file",
        {"filename": "r.csv", "title": "r", "content": base64.b64encode(b"rows").decode()},
        thread="7F3K/card",
    ),
    message("7F3K/result", "finished"),
)


class Death:
    """At its moment everything stands still, before or after a call took effect."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.came = asyncio.Event()

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def dangerous(*args: Any, **kwargs: Any) -> Any:
            await self._moment()
            answer = await call(*args, **kwargs)
            await self._moment()
            return answer

        return dangerous

    async def _moment(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.came.set()
            await asyncio.Event().wait()


@pytest.mark.slow
async def test_a_kill_at_any_moment_neither_loses_nor_doubles_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = 0
    while await survives(tmp_path / str(moments), moments + 1, monkeypatch, ORDINARY):
        moments += 1
    assert moments > 40


@pytest.mark.slow
async def test_a_kill_at_any_moment_of_giving_up_leaves_nothing_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every seventh moment: it takes minutes to give up."""
    moments = 0
    while await survives(tmp_path / str(moments), 7 * moments + 1, monkeypatch, POISONED):
        moments += 1
    assert moments > 15


@dataclass(frozen=True)
class Story:
    life: Callable[[World], Coroutine[Any, Any, None]]
    ends_well: Callable[[World, int], Awaitable[None]]
    rule: Rule | None = None


async def survives(path: Path, at: int, monkeypatch: pytest.MonkeyPatch, story: Story) -> bool:
    """False: there is no such moment any more."""
    world = await World(path).open()
    world.slack.rule = story.rule
    await world.quiet()
    death = Death(at)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "tx", death.around(world.store.tx))
        patch.setattr(world.store, "read", death.around(world.store.read))
        patch.setattr(world.slack, "call", death.around(world.slack.call))
        live = asyncio.create_task(story.life(world))
        dying = asyncio.create_task(death.came.wait())
        await asyncio.wait((live, dying), return_when=asyncio.FIRST_COMPLETED)
        await world.kill()
        for task in (live, dying):
            task.cancel()
        await asyncio.gather(live, dying, return_exceptions=True)
    world.start()
    await story.life(world)
    await story.ends_well(world, at)
    await world.close()
    return death.came.is_set()


async def whole_life(world: World) -> None:
    await world.put(*WORK)
    for _ in range(14):
        await world.quiet()
        world.clock.move(8)
        world.outbox.wake()
    await world.deliver(message("7F3K/card", "card 2"))


async def everything_is_there_once(world: World, at: int) -> None:
    slack = world.slack
    assert sorted(slack.texts("C-ORIGIN")) == ["card 2", "detail", "finished"], at
    card = next(m for m in slack.messages["C-ORIGIN"] if m["text"] == "card 2")
    assert [(channel, ts) for _, channel, ts in slack.shared] == [("C-ORIGIN", card["ts"])], at
    assert slack.pinned == [card["ts"]], at


async def poisoned_life(world: World) -> None:
    await world.put(message("7F3K/step/1", "poison"), message("7F3K/approval/1", "approve?"))
    await world.after(600, step_s=20.0)


async def all_but_the_poison_is_said(world: World, at: int) -> None:
    notice, approval = sorted(world.slack.texts("C-ORIGIN"))
    assert "step/1: given up" in notice, at
    assert approval == "approve?", at
    assert await world.states("7F3K/step/1", "7F3K/approval/1") == ["dead", "sent"], at


def poison(method: str, given: Message) -> Mishap | str | None:
    is_it = method == "chat.postMessage" and given["text"] == "poison"
    return "internal_error" if is_it else None


ORDINARY = Story(whole_life, everything_is_there_once)
POISONED = Story(poisoned_life, all_but_the_poison_is_said, poison)


async def test_what_was_being_sent_at_the_kill_is_looked_for_first(tmp_path: Path) -> None:
    world = await World(tmp_path).open()
    arrived = asyncio.Event()
    post = world.slack.call

    async def arrives_and_hangs(method: str, **arguments: Any) -> Answer:
        await post(method, **arguments)
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    world.slack.call = arrives_and_hangs  # type: ignore[method-assign]
    await world.put(message("7F3K/approval/1", "approve?"))
    await arrived.wait()
    await world.kill()
    world.slack.call = post  # type: ignore[method-assign]
    world.start()
    await world.quiet()
    assert [name for name, _ in world.slack.calls] == ["chat.postMessage", "conversations.history"]
    assert await world.states("7F3K/approval/1") == ["sent"]
    await world.close()
