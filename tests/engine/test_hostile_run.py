"""Whatever people and systems say in a run, it goes on to its end and shows it as what it is."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.engine.applying import Job
from bot.engine.calling import look
from bot.engine.intents import Noted
from bot.engine.record import RunRecord, Said
from bot.engine.systems import Systems
from bot.runbook import (
    Answer,
    Facts,
    Found,
    Person,
    Plan,
    Question,
    Runbook,
    RunbookInputs,
    Seen,
    Table,
)
from bot.runbook.changes import digest
from bot.runbook.errors import Refused
from bot.runbook.findings import File
from bot.runbook.values import storable
from bot.runbook.words import plan, problem, question
from bot.slack.announcer import SlackAnnouncer
from bot.slack.views import ephemeral
from bot.slack.views.audit import trail, trail_text
from bot.slack.views.changes import whole_plan_text
from bot.slack.views.escape import clean
from bot.slack.views.kit import Rendered
from bot.slack.views.timeline import timeline, timeline_text
from bot.store.auditing import verdict_of
from bot.store.deliveries import Delivery
from bot.store.tables import metadata
from tests.engine.small_world import (
    DANA,
    RAVI,
    Bot,
    Lamp,
    Lamps,
    Paint,
    Silent,
    World,
    living_bot,
)
from tests.hostile import MALICE, MIXED
from tests.live import assert_inert
from tests.slack.views.checking import assert_message

#: The people of the small world; nobody else may be named.
OURS = "U[1-9]"
OF_A_PLAN = (
    r"\d+\. |what$|    |now  |then  |undo  |sha-256 |why  |beware  |asked by |CHANGE: |stored text"
    r"|RB-T-002 |\{|$"
)
SAID = (*MIXED, MALICE["a line of ours"], MALICE["NUL"], MALICE["somebody"])


class Noticed(Facts):
    """In all that facts may be made of."""

    text: str
    texts: tuple[str, ...]
    by_name: dict[str, str]


class Words(Answer):
    words: str
    who: Person


class Inputs(RunbookInputs):
    note: str
    lamp: str = "hall"


def book_of_others() -> Runbook:
    book = Runbook(id="RB-T-002", title="Others", severity="P3", category="T", inputs=Inputs)

    def said(lamps: Lamps) -> str:
        """As a system says it: nobody has looked at it before."""
        return lamps._world.refuse

    asking = book.section("Asking", holds=False)

    @asking.ask("What is known?", meanwhile=True)
    def told(inputs: Inputs) -> Question[Words]:
        return question(Words, f"What is known of {inputs.note}?")

    looking = book.section("Looking", together=True)

    @looking.check("Look at it")
    async def seen(lamps: Lamps) -> Found[Noticed]:
        raw = said(lamps)
        found = Noticed(text=raw, texts=(raw, raw), by_name={raw: raw})
        table = Table((raw, "b"), ((raw, raw), (raw, 1)))
        return problem(raw, found, table=table, file=File(raw, raw))

    @looking.check("Look at what breaks")
    async def broken(lamps: Lamps) -> Found[Noticed]:
        raise Refused(f"It refused: {said(lamps)}")

    cure = book.section("Cure", pick=True)

    @cure.action("Paint it", suggested_by=seen)
    async def paint(inputs: Inputs, lamps: Lamps, seen: Noticed) -> Plan[Paint]:
        raw = said(lamps)
        wanted = Paint(lamp=inputs.lamp, color=f"{seen.text} too", replacing=seen.text)
        return plan(wanted, because=raw, beware=raw)

    return book


class Told(Silent):
    """What was to be seen in Slack."""

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Delivery] = []

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]:
        self.deliveries += SlackAnnouncer().announce(run, said)
        return super().announce(run, said)


async def a_whole_run(bot: Bot, number: int, malice: str) -> str:
    """Started, answered, planned, denied; planned again, approved, applied, and finished."""
    lamp = storable(malice)
    bot.world.lamps[lamp], bot.world.refuse = malice, malice
    for user, member in bot.people.members.items():
        bot.people.members[user] = replace(member, name=malice)
    run_id = await bot.begin(f"begin {number}", note=malice, lamp=malice)
    run = await bot.until(run_id, lambda run: run.open_pick == "cure" and bool(run.questions))
    answer = {"words": malice, "who": {"user_id": "U2"}}
    (question_id,) = run.questions
    assert isinstance(await bot.desk.answer(question_id, RAVI, answer, f"a{number}"), Noted)
    refused = await bot.planned(run_id)
    reason = f"{storable(malice)} no"
    assert isinstance(await bot.desk.decide(refused, RAVI, False, reason, "", f"d{number}"), Noted)
    await bot.until(run_id, lambda run: run.steps["paint"].status == "denied")
    await bot.desk.pick(run_id, "paint", DANA, f"again {number}")
    approval = await bot.pending(run_id, "paint")
    bot.world.refuse = ""
    assert isinstance(await bot.desk.decide(approval, RAVI, True, reason, "", f"y{number}"), Noted)
    await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
    stored, found = await bot.desk.plan_text(approval, DANA), await bot.desk.approval(approval)
    assert stored and found and digest(stored) == found[0].digest
    text = whole_plan_text(*found, stored)
    assert_message(ephemeral.plan(text))
    assert_lines_are_ours(text, OF_A_PLAN)
    await bot.desk.close(run_id, "cure", DANA, f"close {number}")
    await bot.until(run_id, lambda run: run.status == "finished")
    return run_id


def assert_lines_are_ours(text: str, ours: str) -> None:
    """Whatever was a line of others is set in."""
    set_in = " " * 8
    lines = clean(text).split("\n")
    assert [one for one in lines if not re.match(ours, one) and one[:8] != set_in] == []


async def assert_shown_harmless(bot: Bot, run_id: str) -> None:
    run = await bot.desk.record(run_id)
    entries = await bot.desk.audit(run_id, DANA)
    assert run and isinstance(entries, Sequence)
    verdict = await bot.engine.store.read(verdict_of, [])
    assert verdict.is_whole
    for shown in (timeline(run), trail(run_id, entries, verdict).says):
        assert_message(shown)
        assert_inert(shown, OURS)
    assert_lines_are_ours(timeline_text(run), r"\d{4}-\d\d-\d\d \d\d:|Timeline|started by|All|$")
    stamps = re.findall(r"^\d{4}-.*$", timeline_text(run), re.MULTILINE)
    assert not [line for line in stamps if "U0LENA0000" in line and "approved by" in line]
    assert_lines_are_ours(
        trail_text(run_id, entries, verdict), r"\d+  \d{4}-|    \w+: |Audit log|The log|$"
    )


@pytest.mark.slow
async def test_a_run_goes_through_whatever_is_said_in_it(tmp_path: Path) -> None:
    told = Told()
    async with living_bot(tmp_path, book=book_of_others(), announcer=told) as bot:
        for user, member in bot.people.members.items():
            roles = member.roles | {"approver", "security"}
            bot.people.members[user] = replace(member, roles=roles)
        for number, malice in enumerate(SAID):
            run_id = await a_whole_run(bot, number, malice)
            await assert_shown_harmless(bot, run_id)
        stored = await bot.engine.store.read(_all_texts)
    for one in told.deliveries:
        json.dumps(one.payload).encode()
        if one.kind == "message":
            assert_message(Rendered(one.payload["text"], list(one.payload["blocks"])))
            assert_inert(dict(one.payload), OURS)
        elif one.kind == "file":
            assert re.fullmatch(r"\w[\w.-]{0,99}", one.payload["filename"])
            content = base64.b64decode(one.payload.get("content", "")).decode()
            assert all(c in "\r\n" or c.isprintable() for c in content)
            assert one.payload["title"].isprintable() and one.payload["alt_text"].isprintable()
    assert all(text.encode() and "\0" not in text for text in stored if text)
    print(f"{len(SAID)} runs, {len(told.deliveries)} deliveries, {len(stored)} texts stored")


class Mumbling(Lamps):
    """What refuses may say anything."""

    async def lamp(self, name: str) -> Lamp:
        raise Refused(self._world.refuse)


@pytest.mark.parametrize("name", ["half a pair", "NUL"])
async def test_what_is_seen_of_a_target_and_how_far_it_is_can_be_stored(
    tmp_path: Path, name: str
) -> None:
    malice = MALICE[name]
    change = Paint(lamp="hall", color="green", replacing="red")
    seen = await look(change, Systems(Mumbling(World(refuse=malice))))
    assert seen == Seen("unreadable", storable(malice))
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        job = Job(f"{run_id}/color.apply#1", 1, "", Plan((change,)), (), _nobody)
        await bot.engine._tell_progress(job, malice, None)
        run = await bot.desk.record(run_id)
        assert run and run.steps["color"].says == storable(malice)


async def _nobody() -> None:
    return None


def _all_texts(c: sa.Connection) -> list[str]:
    rows = [row for table in metadata.sorted_tables for row in c.execute(sa.select(table))]
    return [cell for row in rows for cell in row if isinstance(cell, str)]
