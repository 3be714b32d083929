"""
What there is in the end, in Slack, at AWS, in the tracker and with the pager, beside what people
wanted and what the bots have noted. Whatever is wrong is a complaint.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import sqlalchemy as sa

from bot.store.auditing import verdict_of
from bot.store.beside import beside
from sandbox.box import Box
from tests.scenarios.leading import op
from tests.scenarios.misfortunes import NOTHING_DONE

LOOKS_AGAIN_S = 0.5
#: What is raised where the store is away.
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
UNSENT = """
    select id from outbox
    where state in ('pending', 'sending', 'unknown') and not_before is null
"""
#: Those that people are asked for: everything else a run may do by itself.
MADE = """
    select plans.id, plans.step from changes join plans on plans.id = changes.plan
    where changes.state in ('intended', 'applied') and plans.step in ('roll_back', 'open_circuits')
"""
#: What every run says.
SAID = ("started", "card", "question", "result", "result/origin")


async def until_so(look: Callable[[], Awaitable[object]]) -> None:
    """Looks again and again: nobody tells when a row changes."""
    while not await look():  # noqa: ASYNC110
        await asyncio.sleep(LOOKS_AGAIN_S)


class Rows:
    """Of the bots' store, which is only looked at; for as long as it is away, again and again."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def of(self, query: str) -> list[Any]:
        while True:
            with suppress(*AWAY):
                store = await asyncpg.connect(self._url)
                try:
                    return list(await store.fetch(query))
                finally:
                    await store.close()
            await asyncio.sleep(LOOKS_AGAIN_S)

    async def runs(self) -> list[tuple[str, str]]:
        """With their inputs."""
        return [(one["id"], one["inputs"]) for one in await self.of("select id, inputs from runs")]

    async def all_begun(self) -> bool:
        return not await self.of("select key from starts")

    async def all_said(self) -> bool:
        """Whether all that is to be seen is seen or given up; reminders are not due yet."""
        return not await self.of(UNSENT)

    async def audit_is_whole(self) -> bool:
        async with beside(sa.make_url(self._url)) as store:
            return (await store.read(verdict_of, [])).is_whole


def applied(box: Box, operation: str, key: str, about: str) -> int:
    """How often a client has changed it; what AWS refused or never got is left out."""
    asked = [one for one in box.aws.calls if one.operation == operation]
    made = [one for one in asked if one.fault not in NOTHING_DONE]
    return sum(str(one.params.get(key, "")).endswith(about) for one in made)


class Ledger:
    """`asked`: the plans that people have said yes to."""

    def __init__(self, box: Box, rows: Rows, asked: set[str]) -> None:
        self._box, self._rows, self._asked = box, rows, asked

    async def doubled(self) -> list[str]:
        runs = [run for run, _ in await self._rows.runs()]
        return [*self._said_twice(), *self._made_twice(runs)]

    async def unapproved(self) -> list[str]:
        made = await self._rows.of(MADE)
        return [f"{one['step']} {one['id']}" for one in made if one["id"] not in self._asked]

    async def lost(self) -> list[str]:
        """What the store says was said or done, and is not there."""
        given_up = await self._rows.of("select id, error from outbox where state = 'dead'")
        lost = [f"given up: {one['id']}: {one['error']}" for one in given_up]
        for one in await self._rows.of("select name, channel, ts from messages"):
            if one["ts"] not in self._box.slack.channel(one["channel"]).messages:
                lost.append(f"not in Slack: {one['name']}")
        lost += [line for run, _ in await self._rows.runs() for line in self._not_said(run)]
        return lost if await self._rows.audit_is_whole() else [*lost, "the audit log is broken"]

    def _said_twice(self) -> Iterator[str]:
        channels = self._box.slack.channels()
        said = [_name(op(one)) for place in channels for one in place.messages.values()]
        files = [
            f"{file.name} in {channel}"
            for file in self._box.slack.files
            for places in file.shares.values()
            for channel in places
        ]
        return _twice((*filter(None, said), *files))

    def _made_twice(self, runs: Sequence[str]) -> Iterator[str]:
        yield from _twice(f"{one.title}: {one.body}" for one in self._box.github.issues)
        opened = [one for one in self._box.slack.channels() if one.name.startswith("incident-")]
        for what, there in (("channels", opened), ("pages", self._box.pagerduty.incidents)):
            if len(there) > len(runs):
                yield f"{len(there)} {what} of {len(runs)} runs"

    def _not_said(self, run: str) -> Iterator[str]:
        channels = self._box.slack.channels()
        said = {_name(op(one)) for place in channels for one in place.messages.values()}
        for what in SAID:
            if not any(one == f"{run}/{what}" or one.startswith(f"{run}/{what}/") for one in said):
                yield f"never said: {run}/{what}"


def _name(op_id: str) -> str:
    """Without its revision, which is that of the newest edit."""
    return op_id.rpartition("#")[0]


def _twice(things: Iterable[str]) -> Iterator[str]:
    return (f"{times} times: {one}" for one, times in Counter(things).items() if times > 1)
