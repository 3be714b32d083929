"""Where the redactor stands: nothing gets past it into a row, the outbox, an audit entry."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.engine.audit import note
from bot.engine.calling import Answered, read_answer
from bot.engine.intents import Refusal, StartRun
from bot.engine.record import Origin
from bot.engine.systems import Systems
from bot.runbook.changes import plan
from bot.runbook.errors import Refused
from bot.secrets.redaction import REDACTOR
from bot.store import outbox
from bot.store.auditing import entries_after, verdict_of
from bot.store.clean import Clean
from bot.store.deliveries import Delivery, message
from bot.store.outbox_tables import outbox as outbox_table
from bot.store.store import Store
from bot.store.tables import decisions, events
from tests.engine.small_world import DANA, Lamps, Paint, World, living_bot

VALUE, TOKEN = "correct-horse-battery", "xoxb-2345678901-AbCdEfGhIjKl"
SHOWN = "[secret env:VALUE]"


@pytest.fixture(autouse=True)
def known() -> None:
    REDACTOR.learn(VALUE, "env:VALUE")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/bot.db")
    await store.open()
    yield store
    await store.close()


def event(key: str, about: str) -> dict[str, Any]:
    return {"key": key, "run": "R", "kind": "x", "about": about, "answer": "", "at": 1.0}


async def test_no_parameter_of_a_statement_has_a_secret(store: Store) -> None:
    def write(c: sa.Connection) -> None:
        c.execute(sa.insert(events).values(**event("one", f"it is {VALUE}")))
        several = [event("two", json.dumps({"a": TOKEN})), event("three", "nothing")]
        c.execute(sa.insert(events), several)

    await store.tx(write)

    def read(c: sa.Connection) -> list[str]:
        return list(c.execute(sa.select(events.c.about).order_by(events.c.about)).scalars())

    assert await store.read(read) == [f"it is {SHOWN}", "nothing", '{"a": "[secret]"}']


async def test_what_is_clean_already_and_what_is_no_text_is_left_alone(store: Store) -> None:
    sealed = Clean(f"sealed {TOKEN}")
    await store.tx(lambda c: c.execute(sa.insert(events).values(**event("one", sealed))))
    about = sa.select(events.c.about)
    assert await store.read(lambda c: c.execute(about).scalar()) == sealed


async def test_an_error_of_the_store_has_no_parameter_in_it(store: Store) -> None:
    twice = {"plan": "P", "by": "U1", "approves": 1, "reason": "a reason of somebody", "at": 1.0}

    def write(c: sa.Connection) -> None:
        for _ in range(2):
            c.execute(sa.insert(decisions).values(**twice))

    with pytest.raises(IntegrityError) as failed:
        await store.tx(write)
    assert "a reason of somebody" not in f"{failed.value} {failed.value!r}"


async def payloads(store: Store) -> list[tuple[dict[str, Any], str, str]]:
    def read(c: sa.Connection) -> Any:
        query = sa.select(outbox_table).order_by(outbox_table.c.seq)
        return [(json.loads(row.payload), row.payload, row.hash) for row in c.execute(query)]

    found: list[tuple[dict[str, Any], str, str]] = await store.read(read)
    return found


async def test_what_waits_for_slack_is_redacted_and_its_hash_is_of_what_is_stored(
    store: Store,
) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": f"it is {VALUE}"}}
    plot: dict[str, Any] = {"title": f"errors of {TOKEN}", "lines": {VALUE: []}}
    deliveries = [
        message("R/a", f"token {TOKEN}", [section]),
        Delivery("R/b", "file", {"title": VALUE, "alt_text": VALUE, "plot": plot}),
    ]
    await store.tx(outbox.put, "R", deliveries)
    (said, text, digest), (drawn, _, _) = await payloads(store)
    assert (said["text"], said["blocks"][0]["text"]["text"]) == (
        "token [secret]",
        f"it is {SHOWN}",
    )
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    assert drawn["alt_text"] == drawn["title"] == SHOWN
    assert drawn["plot"]["title"] == "errors of [secret]" and list(drawn["plot"]["lines"]) == [
        SHOWN
    ]


async def test_a_file_that_waits_for_slack_is_redacted_and_a_picture_is_left_whole(
    store: Store,
) -> None:
    picture = bytes(range(256)) * 40
    contents = [f"é {VALUE}\n{TOKEN}".encode(), picture]
    deliveries = [
        Delivery(f"R/{n}", "file", {"title": "x", "content": base64.b64encode(one).decode()})
        for n, one in enumerate(contents)
    ]
    await store.tx(outbox.put, "R", deliveries)
    kept = [base64.b64decode(payload["content"]) for payload, _, _ in await payloads(store)]
    assert kept == [f"é {SHOWN}\n[secret]".encode(), picture]


async def test_an_audit_entry_is_clean_before_its_hash_is_made(store: Store) -> None:
    body = {
        "why": f"it holds {VALUE}",
        "inputs": {"z token": TOKEN, TOKEN: 1},
        "token": "hunter22",
    }

    def write(c: sa.Connection) -> None:
        note(c, 1.0, f"run {TOKEN}", "refused show", f"about {VALUE} " * 30, "U1", **body)
        note(c, 2.0, "R", "returned", "step", "", says="nothing")

    await store.tx(write)
    assert (await store.read(verdict_of, [])).is_whole
    entry, _ = await store.read(entries_after, 0)
    assert not [one for one in (VALUE, TOKEN, "hunter22") if one in str(entry)]
    assert json.loads(entry.body)["why"] == f"it holds {SHOWN}"


async def answered(change: Paint, because: str = "") -> Answered:
    return await read_answer(plan(change, because=because), Systems(Lamps(World())))


async def test_a_plan_that_would_show_a_secret_is_refused_and_not_changed() -> None:
    change = Paint(lamp="hall", color=VALUE, replacing="red")
    with pytest.raises(Refused, match="would put a secret before everybody") as refused:
        await answered(change)
    assert VALUE not in str(refused.value)


async def test_why_a_plan_is_made_is_only_said_and_so_redacted() -> None:
    found = await answered(Paint(lamp="hall", color="green", replacing="red"), f"saw {VALUE}")
    assert found.report.draft and found.report.draft.plan.because == f"saw {SHOWN}"


async def test_an_input_that_holds_a_secret_starts_nothing(tmp_path: Path) -> None:
    REDACTOR.learn("correcthorsebattery", "env:LETTERS")
    async with living_bot(tmp_path) as bot:
        typed = {"lamp": "correcthorsebattery"}
        intent = StartRun("RB-T-001", typed, DANA, Origin("C1", "general"), "k1")
        refused = await bot.desk.start_run(intent)
        assert isinstance(refused, Refusal)
        assert "change that secret" in refused.fields["lamp"]
        assert not await bot.desk.recent()
