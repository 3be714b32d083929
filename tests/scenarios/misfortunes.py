"""What may befall whole bots, their store, Slack and AWS, by dice: each lasts for a while."""

import asyncio
import os
import random
import signal
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from sandbox.aws.faults import Fault as AwsFault
from sandbox.aws.faults import FaultName as AwsFaultName
from sandbox.postgres import Database
from sandbox.slack.faults import FOREVER, Fault, FaultName
from tests.scenarios.fleet import Fleet

BEGUN_ANEW_AFTER_S = 1.0  #: As an orchestrator does whose bot has ended by itself.
#: Seconds that each lasts. A replica's lease is 4 s, that of who delivers 16 s; the longest stop
#: is far below the 40 s after which a call that nobody answered counts as not made.
STOPPED_S, STORE_AWAY_S, SLACK_AWAY_S = (2.0, 18.0), (1.0, 8.0), (1.0, 8.0)
BETWEEN_S = (0.5, 4.0)

SLACK_FAULTS: tuple[FaultName, ...] = (
    "drop_before_storing",
    "drop_after_storing",
    "delay",
    "late_answer",
    "rate_limit",
    "server_error",
)
SLACK_METHODS = (
    *("*", "apps.connections.open", "auth.test", "bookmarks.add", "chat.postEphemeral"),
    *("chat.postMessage", "chat.update", "conversations.create", "conversations.history"),
    *("conversations.invite", "conversations.replies", "conversations.setTopic"),
    *("files.completeUploadExternal", "files.info", "pins.add", "usergroups.list"),
    *("users.info", "views.open"),
)
AWS_FAULTS: tuple[tuple[AwsFaultName, str], ...] = (
    ("lost_response", "UpdateService"),
    ("lost_response", "PutParameter"),
    ("late_answer", "UpdateService"),
    ("delay", "UpdateService"),
    ("throttle", "UpdateService"),
    ("lost_response", "*"),
    ("throttle", "*"),
    ("delay", "*"),
)
#: Of which nothing comes: what is struck by one of them was not carried out.
NOTHING_DONE: frozenset[AwsFaultName] = frozenset({"deny", "throttle", "error", "lost_request"})


class Misfortunes:
    """`store`: the server of the bots' own database."""

    def __init__(self, fleet: Fleet, store: Database, dice: random.Random) -> None:
        self._fleet, self._store, self._dice = fleet, store, dice
        self._slack, self._aws = fleet.box.slack.faults, fleet.box.aws.faults
        self.befell: Counter[str] = Counter()
        self._kept = [asyncio.create_task(self._keep(one)) for one in fleet.living]
        self._lasting: set[asyncio.Task[None]] = set()

    async def befall(self, seconds: float, others: asyncio.Future[None]) -> None:
        """
        One after another, some of them while others last; for so long, or until that is done.
        Then all are over.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not others.done():
                    await asyncio.sleep(self._dice.uniform(*BETWEEN_S))
                    task = asyncio.create_task(self._any()())
                    self._lasting.add(task)
                    task.add_done_callback(self._lasting.discard)
        await asyncio.gather(*self._lasting)
        self._slack.clear()
        self._aws.clear()

    async def over(self) -> None:
        """Nobody is begun anew any more."""
        for one in self._kept:
            one.cancel()
        await asyncio.gather(*self._kept, return_exceptions=True)

    def _any(self) -> Callable[[], Coroutine[Any, Any, None]]:
        ways = {
            self._kill: 4,
            self._stop: 4,
            self._store_away: 2,
            self._slack_away: 1,
            self._sockets_cut: 1,
            self._slack_fault: 8,
            self._aws_fault: 5,
        }
        return self._dice.choices(list(ways), list(ways.values()))[0]

    async def _keep(self, one: Process) -> None:
        """What ends, for whatever reason, is begun anew."""
        while True:
            status = await one.wait()
            if one in self._fleet.living:
                self._fleet.living.remove(one)
                self.befell[f"ends by itself ({status})"] += 1
                await asyncio.sleep(BEGUN_ANEW_AFTER_S)
            one = await self._fleet.begin()

    async def _kill(self) -> None:
        if living := self._fleet.living:
            self.befell["kills"] += 1
            await self._fleet.kill(self._dice.choice(living))

    async def _stop(self) -> None:
        if living := self._fleet.living:
            self.befell["stops"] += 1
            victim = self._dice.choice(living)
            with suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGSTOP)
                await asyncio.sleep(self._dice.uniform(*STOPPED_S))
                os.kill(victim.pid, signal.SIGCONT)

    async def _store_away(self) -> None:
        if self._store.writer.is_running:
            self.befell["store outages"] += 1
            await self._store.stop_writer()
            await asyncio.sleep(self._dice.uniform(*STORE_AWAY_S))
            await self._store.start_writer()

    async def _slack_away(self) -> None:
        self.befell["Slack outages"] += 1
        self._slack.no_connection()
        self._slack.add(Fault("drop_before_storing", times=FOREVER))
        await asyncio.sleep(self._dice.uniform(*SLACK_AWAY_S))
        self._slack.clear()

    async def _sockets_cut(self) -> None:
        self.befell["cut sockets"] += 1
        self._slack.kill_sockets()

    async def _slack_fault(self) -> None:
        self.befell["Slack faults"] += 1
        name, method = self._dice.choice(SLACK_FAULTS), self._dice.choice(SLACK_METHODS)
        times, seconds = self._dice.randint(1, 4), self._dice.uniform(0.5, 5.0)
        self._slack.add(Fault(name, method, times, seconds))

    async def _aws_fault(self) -> None:
        self.befell["AWS faults"] += 1
        name, operation = self._dice.choice(AWS_FAULTS)
        times, seconds = self._dice.randint(1, 3), self._dice.uniform(0.5, 5.0)
        self._aws.add(AwsFault(name, operation=operation, times=times, seconds=seconds))
