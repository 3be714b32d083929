"""The whole bot: everything but the intake (`running_bot`), and with it (`serve`)."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from slack_bolt.async_app import AsyncApp

from adapters.notices import Notices
from adapters.slack import Slack
from adapters.team import Team
from assembly.anchors import anchoring
from assembly.outside import deciders, outside, reviewers, thresholds
from assembly.policy import check_announced, policy_of
from assembly.room import RunRoom
from assembly.secrets import intake_secret, open_keeper, open_vault, slack_token, store_url
from bot.engine.calling import Surroundings
from bot.engine.desk import EngineDesk
from bot.engine.engine import Engine
from bot.engine.runners.local import LocalRunner
from bot.engine.systems import Systems
from bot.runbook.errors import Unreachable
from bot.secrets.keeping import Keeper
from bot.secrets.vault import Vault
from bot.settings import Settings
from bot.slack.announcer import SlackAnnouncer
from bot.slack.app import Identity, build_app, identify
from bot.slack.calls import Calls, open_calls
from bot.slack.cards import Cards
from bot.slack.connection import Connection
from bot.slack.errands import Errands
from bot.slack.http_intake import HttpIntake
from bot.slack.listeners.front import Front
from bot.slack.listeners.starting import LOST_AFTER, take_up, take_up_of_others
from bot.slack.listeners.telling import Telling
from bot.slack.outbox import Outbox
from bot.slack.people import People
from bot.slack.turned_away import TurnedAway
from bot.slack.views.plots import draw
from bot.store import outbox as outbox_rows
from bot.store.store import STORE_AWAY, Store
from commands import IN_PROSE, RUNBOOKS

log = logging.getLogger("runbook-bot")

#: Seconds that a shutdown gives to what is being done: below what orchestrators wait (30 s). A
#: quarter is for those who wait for an answer, half for work, and the last quarter for what all of
#: them had to say.
GRACE_S = 20.0
SLACK_AGAIN_S = 3.0  #: Between two tries to reach Slack at start.


@dataclass(frozen=True)
class Bot:
    """A bot that runs, without its intake."""

    engine: Engine
    desk: EngineDesk
    outbox: Outbox
    people: People
    calls: Calls
    vault: Vault
    keeper: Keeper | None  #: None: what people type as secrets is kept nowhere.


@asynccontextmanager
async def running_bot(settings: Settings) -> AsyncIterator[Bot]:
    """Everything but the intake. It goes on at once with what an earlier life left."""
    policy = policy_of(settings)
    check_announced(policy, settings)
    async with contextlib.AsyncExitStack() as stack:
        vault = open_vault(settings, stack)
        await vault.check(settings.references.values())
        token = slack_token(settings, vault)
        calls = await stack.enter_async_context(open_calls(settings.slack, token))
        store = Store(await store_url(settings, vault))
        await store.open()
        stack.push_async_callback(store.close)
        keeper = await open_keeper(settings, vault, store, stack)
        outbox = Outbox(store, calls, draw, fallback=settings.slack.fallback_channel or None)
        people = People(calls, policy.roles, policy.aliases)
        room = RunRoom(outbox)
        slack = Slack(calls, room, outbox, room.timeline)
        ours = (slack, Team(people.holders), Notices(room))
        systems = Systems(*outside(settings, vault, stack, room, keeper), *ours)
        systems.check(RUNBOOKS.values())
        engine = Engine(
            store,
            RUNBOOKS,
            Surroundings(systems, settings.company, thresholds(settings)),
            SlackAnnouncer(
                deciders(policy),
                settings.slack.fallback_channel,
                bool(policy.may.break_glass),
                reviewers(policy),
            ),
            outbox_rows.put,
            people,
            LocalRunner(),
            policy=policy,
            expires_after_s=settings.approvals.expires_after_s,
            channel=settings.slack.fallback_channel,
            declared=settings.schedules.declared,
            on_commit=outbox.wake,
        )
        room.engine = engine
        outbox.start()
        stack.push_async_callback(outbox.stop, GRACE_S / 4)  # last: the engine speaks to its end
        with _answering(store):
            await engine.start()
        stack.push_async_callback(engine.stop, GRACE_S / 2)
        anchors = anchoring(settings, store, stack, outbox.wake)
        anchors.start()
        stack.push_async_callback(anchors.stop)
        desk = EngineDesk(engine, IN_PROSE)
        yield Bot(engine, desk, outbox, people, calls, vault, keeper)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """
    Until `stop` is set. Raises Unreachable, Refused, StoreUnusable, NewerSchema, BookError and
    PolicyError.
    """
    async with running_bot(settings) as bot:
        errands = Errands()
        identity = await _identify(bot.calls, stop)
        if identity is None:
            return
        keep = bot.keeper.keep if bot.keeper else None
        turned_away = TurnedAway(bot.desk.turned_away, errands)
        telling = Telling(bot.calls, errands)
        shows = Cards(bot.engine.store).shows
        front = Front(bot.desk, telling, identity.team_id, turned_away, shows, keep)
        is_alone = bot.engine.store.is_sqlite
        with _answering(bot.engine.store):
            await take_up(front, timedelta(0) if is_alone else LOST_AFTER)
        connection = _intake(bot, settings, build_app(front, identity), errands, turned_away)
        _keep_out_of_collections()
        opening = asyncio.create_task(connection.open(), name="opening the connection")
        others = [] if is_alone else [asyncio.create_task(take_up_of_others(front))]
        try:
            await _first(opening, stop)
            if not stop.is_set():
                log.info("connected: /runbook is answered in workspace %s", identity.team_id)
            await stop.wait()
        finally:
            for task in (opening, *others):
                task.cancel()
            await asyncio.gather(opening, *others, return_exceptions=True)
            await connection.close(GRACE_S / 4)


@contextlib.contextmanager
def _answering(store: Store) -> Iterator[None]:
    """While a bot starts its store must answer. Raises StoreUnusable."""
    try:
        yield
    except STORE_AWAY as error:
        raise store.unusable(error) from None


def _intake(
    bot: Bot, settings: Settings, bolt: AsyncApp, errands: Errands, turned_away: TurnedAway
) -> Connection | HttpIntake:
    secret = intake_secret(settings, bot.vault)
    if settings.slack.mode == "socket":
        return Connection(bolt, secret, bot.calls.client, errands, turned_away)

    async def look() -> None:
        await bot.desk.recent(1)

    place = (settings.slack.host, settings.slack.port)
    return HttpIntake(bolt, secret, place, errands, turned_away, look)


def _keep_out_of_collections() -> None:
    """What was imported and made by now stays: looking through it takes 0.1 s each time."""
    gc.collect()
    gc.freeze()


async def _identify(calls: Calls, stop: asyncio.Event) -> Identity | None:
    """Who we are at Slack, asked until it answers. Raises Refused; None when we are to stop."""
    while not stop.is_set():
        try:
            return await identify(calls)
        except Unreachable as error:
            log.warning("%s Runs go on meanwhile.", error)
            await _first(asyncio.create_task(asyncio.sleep(SLACK_AGAIN_S)), stop)
    return None


async def _first(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Waits for whichever comes first. Raises what the task raises."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        stopped.cancel()
