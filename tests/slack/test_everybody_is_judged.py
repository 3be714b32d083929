"""
Every word, button and form, pressed by somebody who may not: the real listeners and the real desk,
as Slack delivers it. Nothing is started, decided, answered or shown, and each try is noted.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.access.member import Member
from bot.access.policy import DEFAULT
from bot.engine.intents import NewSchedule, Noted
from bot.engine.record import Origin
from bot.secrets.redaction import REDACTOR
from bot.slack.app import Identity, build_app
from bot.slack.calls import Answer, Calls
from bot.slack.errands import Errands
from bot.slack.listeners import JUDGED_BUTTONS, JUDGED_FORMS, READING_BUTTONS, READING_FORMS
from bot.slack.listeners.commands import CARRY
from bot.slack.listeners.front import Front
from bot.slack.listeners.telling import Telling
from bot.slack.listeners.visit import WHAT
from bot.slack.turned_away import TurnedAway
from bot.slack.views import names
from bot.store.tables import metadata
from tests.engine.small_world import DANA, Bot, living_bot

TEAM, GENERAL, CARD = "T0TEAM", "C0GENERAL", "1.000001"
VIEWER = Member("U0VIEWER", "vera", frozenset({"viewer"}))
STRANGERS = (
    Member("U0GUEST", "guy", frozenset({"operator", "responder"}), is_guest=True),
    Member("U0GONE", "ex", frozenset({"operator", "responder"}), is_active=False),
    Member("U0BOT", "bot", frozenset({"operator", "responder"}), is_bot=True),
)
#: What changes nothing that matters: who was refused what.
NOTED = {"audit", "audit_head"}
OPERATORS = DEFAULT.may.model_copy(update={"break_glass": ("operator",), "review": ("operator",)})
POLICY = DEFAULT.model_copy(update={"may": OPERATORS})
ACTING_WORDS = {"run", "dry", "cancel", "audit", "freeze", "thaw", "schedule"}

BETWEEN_PARTS = (names.PAUSE, names.RESUME, names.HALT)


class Heard(Calls):
    """Slack as far as listeners call it; keeps what was said and shown."""

    def __init__(self) -> None:
        self.client, self.timeout_s = AsyncWebClient(token="xoxb-1"), 1.0
        self.made: list[tuple[str, Mapping[str, Any]]] = []

    async def call(self, method: str, **arguments: Any) -> Answer:
        self.made.append((method, arguments))
        return {"ok": True, "channel": {"id": "D0OWN"}}


@dataclass
class Stage:
    bot: Bot
    app: AsyncApp
    calls: Heard
    errands: Errands
    run: str
    approval: str
    question: str
    broken: str  #: The plan of another run, for which the glass was broken.
    schedule: str
    keys: Any = field(default_factory=lambda: count(1))

    async def delivered(self, body: Mapping[str, Any]) -> str:
        """Everything that the person is told or shown because of it."""
        self.calls.made.clear()
        answer = await self.app.async_dispatch(
            AsyncBoltRequest(mode="socket_mode", body=dict(body))
        )
        await self.errands.drain(5.0)
        told = [m for m in self.calls.made if not m[0].startswith("conversations.")]
        return f"{answer.body} {told}"

    async def rows(self) -> Mapping[str, Any]:
        def read(c: sa.Connection) -> dict[str, Any]:
            tables = [t for name, t in metadata.tables.items() if name not in NOTED]
            return {t.name: c.execute(sa.select(t)).all() for t in tables}

        return await self.bot.engine.store.read(read)

    async def refusals(self, by: str) -> int:
        def read(c: sa.Connection) -> int:
            audit = metadata.tables["audit"]
            mine = sa.and_(audit.c.by == by, audit.c.what.like("refused%"))
            return c.execute(sa.select(sa.func.count()).where(mine)).scalar_one()

        return await self.bot.engine.store.read(read)

    # What Slack would deliver.

    def command(self, text: str, user: str) -> dict[str, Any]:
        return {
            "command": "/runbook", "text": text, "user_id": user, "team_id": TEAM,
            "channel_id": GENERAL, "channel_name": "general",
            "trigger_id": f"{next(self.keys)}.1",
        }  # fmt: skip

    def press(self, name: str, user: str) -> dict[str, Any]:
        action = {"type": "button", "action_id": name, "action_ts": f"{next(self.keys)}.2"}
        action |= {"value": self._value(name)} if self._value(name) else {}
        if name == names.CLAIM_OTHER:
            action |= {"type": "users_select", "selected_user": user}
            action["action_id"] = names.action_id(name, self.question)
        return self._by(user, "block_actions") | {
            "container": {"type": "message", "message_ts": CARD, "channel_id": GENERAL},
            "channel": {"id": GENERAL, "name": "general"},
            "actions": [action],
            "trigger_id": f"{next(self.keys)}.3",
        }

    def form(self, callback: str, user: str) -> dict[str, Any]:
        about = {names.START_MODAL: {"book": "RB-T-001"}, names.CATALOGUE_MODAL: {}}
        known = {
            names.ANSWER_MODAL: {"about": self.question},
            names.REVIEW_MODAL: {"about": self.broken},
        }
        kept: dict[str, Any] = {**about, **known}.get(callback, {"about": self.approval})
        filled: dict[str, Any] = {
            names.REASON: {names.VALUE: {"type": "plain_text_input", "value": "because"}},
            "lamp": {names.VALUE: {"type": "plain_text_input", "value": "hall"}},
        }
        blocks = [{"type": "input", "block_id": block} for block in filled]
        return self._by(user, "view_submission") | {
            "view": {
                "id": "V1", "hash": f"{next(self.keys)}.4", "type": "modal",
                "callback_id": callback, "blocks": blocks, "state": {"values": filled},
                "private_metadata": names.Metadata(**kept, channel=GENERAL, message=CARD).pack(),
            }
        }  # fmt: skip

    def _value(self, name: str) -> str:
        if name in (names.CATALOGUE, names.SEARCH):
            return "all"
        if name == names.PAGE:
            return "1"
        if name in (names.CANCEL, names.TIMELINE, names.SHOW_RUN):
            return self.run
        if name == names.CLOSE:
            return names.value(self.run, "cure")
        if name in (names.PICK, names.UNDO, names.AGAIN, names.GO_ON, *BETWEEN_PARTS):
            return names.value(self.run, "paint")
        if name == names.NEXT_HOP:
            return names.value(self.run, "color#0")
        if name in (names.RUN_BOOK, names.SHOW_BOOK):
            return "RB-T-001"
        if name in names.WAYS:
            return self.schedule
        deciding = (names.APPROVE, names.APPROVE_DESTROY, names.DENY, names.BREAK_GLASS)
        if name in (*deciding, names.WHOLE_PLAN):
            return self.approval
        if name == names.REVIEW:
            return self.broken
        return names.value(self.question, 0) if name == names.CHOOSE else self.question

    def _by(self, user: str, kind: str) -> dict[str, Any]:
        return {
            "type": kind,
            "team": {"id": TEAM, "domain": "x"},
            "user": {"id": user, "team_id": TEAM},
        }


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with living_bot(tmp_path, policy=POLICY) as bot:
        broken = await a_broken_glass(bot)
        for member in (VIEWER, *STRANGERS):
            bot.people.members[member.user_id] = member
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id)
        run = await bot.desk.record(run_id)
        assert run
        calls, errands = Heard(), Errands()
        identity = Identity(TEAM, "U0SELF", "B0SELF")
        away = TurnedAway(bot.desk.turned_away, errands)
        front = Front(bot.desk, Telling(calls, errands), TEAM, away, everywhere)
        app = build_app(front, identity)
        question = next(iter(run.questions))
        yield Stage(
            bot, app, calls, errands, run_id, approval, question, broken, await a_schedule(bot)
        )


async def everywhere(channel: str, ts: str, about: str) -> bool:
    return True


async def a_schedule(bot: Bot) -> str:
    wanted = NewSchedule("RB-T-001", {}, "0 8 1 1 *", "", DANA, Origin(GENERAL), "s")
    assert isinstance(await bot.desk.add_schedule(wanted), Noted)
    (there,) = await bot.desk.schedules()
    return there.id


async def a_broken_glass(bot: Bot) -> str:
    run_id = await bot.begin("k0", lamp="attic")
    await bot.until(run_id, lambda run: run.open_pick == "cure")
    plan = await bot.planned(run_id)
    told = await bot.desk.break_glass(plan, DANA, "nobody else is here", "attic", "g")
    assert isinstance(told, Noted), told
    await bot.until(run_id, lambda run: run.steps["painted"].status == "ok")
    return plan


TYPED = {
    "catalogue": "", "list": "list", "show": "show RB-T-001", "run": "RB-T-001",
    "dry": "dry RB-T-001", "status": "status", "cancel": "cancel {run}", "history": "history",
    "audit": "audit {run}", "freeze": "freeze it's burning", "thaw": "thaw", "reviews": "reviews",
    "schedule": "schedule pause {schedule}", "help": "help",
}  # fmt: skip


def everything(stage: Stage, user: str) -> Mapping[str, dict[str, Any]]:
    assert set(TYPED) == set(CARRY)
    about = {"run": stage.run, "schedule": stage.schedule}
    typed = {word: stage.command(t.format(**about), user) for word, t in TYPED.items()}
    pressed = {name: stage.press(name, user) for name in (*JUDGED_BUTTONS, *READING_BUTTONS)}
    forms = {name: stage.form(name, user) for name in (*JUDGED_FORMS, *READING_FORMS)}
    return typed | pressed | forms


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda one: one.name)
async def test_who_is_no_active_full_member_is_refused_everywhere(
    stage: Stage, stranger: Member
) -> None:
    before, user = await stage.rows(), stranger.user_id
    tries = everything(stage, user)
    for number, (what, body) in enumerate(tries.items(), start=1):
        told = await stage.delivered(body)
        assert "Only active, full members" in told, what
        assert stage.run not in told.replace(str(body), ""), what
        assert await stage.refusals(user) == number, what
    assert await stage.rows() == before


async def test_a_viewer_changes_nothing_with_whatever_they_press(stage: Stage) -> None:
    before, user, refused = await stage.rows(), VIEWER.user_id, 0
    judged = ACTING_WORDS | set(JUDGED_BUTTONS) | set(JUDGED_FORMS)
    for what, body in everything(stage, user).items():
        told = await stage.delivered(body)
        if what == names.CHOOSE:
            continue  # There are no choices here; it goes the way of what is proposed.
        now = await stage.refusals(user)
        assert (now == refused + 1) is (what in judged), (what, told)
        if what in judged:
            assert "with the role" in told or "You need the role" in told, (what, told)
        refused = now
    assert await stage.rows() == before


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda one: one.name)
async def test_a_stranger_is_not_told_what_is_wrong_with_an_input(
    stage: Stage, stranger: Member
) -> None:
    told = await stage.delivered(stage.command("RB-T-001 lamp=", stranger.user_id))
    assert "Only active, full members" in told and "lamp" not in told
    assert await stage.refusals(stranger.user_id) == 1


async def test_no_half_of_a_secret_is_left_in_the_log_where_a_refused_command_is_cut(
    stage: Stage,
) -> None:
    secret = "SealedByTheSeaIn1987"
    REDACTOR.learn(secret, "env:SOMEWHERE")
    text = f"list {'x' * (WHAT - 16)} {secret}"
    await stage.delivered(stage.command(text, STRANGERS[0].user_id))
    (entry,) = await stage.bot.noted("refused read")
    assert entry.about.startswith("list xxx") and secret[:3] not in entry.about


async def test_a_start_with_a_wrong_input_is_noted_as_refused(stage: Stage) -> None:
    told = await stage.delivered(stage.command("RB-T-001 lamp=", DANA.user_id))
    assert "lamp" in told
    (entry,) = await stage.bot.noted("refused start")
    assert entry.by == DANA.user_id and '"fields":["lamp"]' in entry.body


@pytest.mark.parametrize("how", [names.CHOOSE, names.PROPOSED, names.DONE, names.ANSWER_MODAL])
async def test_who_answers_what_is_settled_is_refused_and_that_is_noted(
    stage: Stage, how: str
) -> None:
    stage.question = "settled"
    made = stage.form if how == names.ANSWER_MODAL else stage.press
    assert "answered already" in await stage.delivered(made(how, DANA.user_id))
    (entry,) = await stage.bot.noted("refused answer")
    assert entry.by == DANA.user_id and entry.about == "settled"


async def test_when_nobody_can_be_looked_up_nobody_is_let_through(stage: Stage) -> None:
    before = await stage.rows()
    stage.bot.people.is_down = True
    for what, body in everything(stage, VIEWER.user_id).items():
        assert "nobody is let through" in await stage.delivered(body), what
    assert await stage.rows() == before


async def test_an_operator_is_let_through(stage: Stage) -> None:
    """What is tried above is refused for who tries it, and not because it is wrong."""
    operator = replace(VIEWER, user_id="U0OPER", name="olga", roles=frozenset({"operator"}))
    stage.bot.people.members[operator.user_id] = operator
    for what, body in everything(stage, operator.user_id).items():
        if what in (
            "audit",
            names.APPROVE,
            "cancel",
            names.CANCEL,
            names.DENY_MODAL,
            names.APPROVE_MODAL,
        ):
            continue  # They end the run or the request.
        told = await stage.delivered(body)
        assert "You need the role" not in told and "with the role" not in told, what
