"""RB-INC-002 as it goes when somebody takes data out: the real bot, in the whole company."""

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import boto3
import pytest
import pytest_asyncio

from bot.slack.outbox import routing
from bot.slack.views import names
from sandbox import breach
from sandbox.aws.account import BUCKET, CIS_KEY, DEPLOYERS_KEY, access_keys, denied_roles
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import GENERAL, Incident, Message, Person, has, incident, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TO_TYPE = re.compile(r"Type (\S+) to approve")
CONTAIN = {
    "disable_users": "UPDATE users SET is_active = false",
    "revoke_sessions": "UPDATE user_sessions SET revoked_at",
    "block_logins": "--blocked=true",
    "end_logins": "refresh-tokens",
    "deactivate_keys": "update-access-key",
    "deny_sessions": "put-role-policy",
}


#: Whose logs are kept, and from when on: before whoever broke in had come.
SERVICES, EARLIER = ("complyai-core", "complyai-api"), timedelta(hours=4)
PROOF = {
    "disable_users": "Check suspected users: our database",
    "revoke_sessions": "Check suspected users: our database",
    "block_logins": "Check suspected users: Auth0",
    "end_logins": "Check suspected users: Auth0",
    "deactivate_keys": "Check suspected credentials: IAM",
    "deny_sessions": "Check suspected credentials: IAM",
}


def _saying(room: Incident, words: str) -> Sequence[Message]:
    return [one for one in room.thread if words in one["text"]]


@dataclass(frozen=True)
class Company:
    box: Box
    email: str  #: Of the suspect.

    def person(self, name: str) -> Person:
        return Person(self.box, f"U0{name.upper()}")

    @property
    def omar(self) -> Person:
        return self.person("omar")

    async def starts(self) -> Incident:
        before = {one.id for one in self.box.slack.channels()}
        await self.omar.insists(
            f"RB-INC-002 brief_desc=export-abuse users={self.email}"
            f" access_keys={DEPLOYERS_KEY} roles={breach.ROLE}"
            f" services={','.join(SERVICES)} began={datetime.now(UTC) - EARLIER:%Y-%m-%dT%H:%MZ}"
        )
        return await incident(self.box, before)

    async def contains(self, room: Incident, action: str, words: str) -> None:
        """Asked for by omar, and approved by two others of his team, who type what is changed."""
        proof = PROOF[action]
        before = len(_saying(room, proof))
        card = await room.offers(f"{names.PICK}:{action}")
        await self.omar.presses(card, room.channel, f"{names.PICK}:{action}")
        for name in ("nina", "theo"):
            asked = await room.asks_for_approval(words)
            person = self.person(name)
            await person.presses(asked, room.channel, names.APPROVE_DESTROY)
            form = await person.sees_form(names.APPROVE_MODAL)
            (typed,) = TO_TYPE.findall(json.dumps(form, ensure_ascii=False))
            assert not (await person.submits(form, {names.TYPED: typed})).errors
        await until(self.box, lambda: len(_saying(room, proof)) > before or None)

    async def rows(self, query: str) -> Sequence[Any]:
        connection = await asyncpg.connect(self.box.database.admin_dsn)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    async def kept(self) -> dict[str, Any]:
        """What lies in the evidence bucket, by name."""
        client: Any = boto3.client(
            "s3", region_name="us-east-1", endpoint_url=self.box.aws.endpoint_url
        )

        def read() -> dict[str, Any]:
            listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            return {one["Key"]: client.get_object(Bucket=BUCKET, Key=one["Key"]) for one in listed}

        return await asyncio.to_thread(read)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=3) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        await box.switch("breach", on=True)
        found = Company(box, "")
        (user,) = await found.rows(f"SELECT email FROM users WHERE id = {breach.SUSPECT}")
        yield Company(box, user["email"])


async def test_a_breach_is_contained_once_its_evidence_is_kept(company: Company) -> None:
    box = company.box
    room = await company.starts()
    await room.shows("PROBLEM · Check suspected users: our database")
    await room.shows("PROBLEM · Check suspected users: Auth0")
    await room.shows("Made with them: ")
    await _is_private(company, room)
    await _evidence_comes_first(company, room)

    for action, words in CONTAIN.items():
        await company.contains(room, action, words)
    await room.shows("OK · Check suspected users: our database")
    await room.shows("OK · Check suspected users: Auth0")
    await room.shows("OK · Check suspected credentials: IAM")
    assert breach.is_contained(box) and denied_roles() == {breach.ROLE}
    assert {one.id for one in access_keys() if one.is_active} == {CIS_KEY}
    (user,) = await company.rows(f"SELECT is_active FROM users WHERE id = {breach.SUSPECT}")
    assert not user["is_active"]
    live = "SELECT 1 FROM user_sessions WHERE user_id = {} AND revoked_at IS NULL"
    assert not await company.rows(f"{live.format(breach.SUSPECT)} AND expires_at > now()")
    assert await company.rows(live.format(breach.SECOND))

    card = await room.offers(names.CLOSE)
    await company.omar.presses(card, room.channel, names.CLOSE)
    await room.shows("PROBLEM · What data was exposed?: 7 times export_downloaded")
    await room.shows(f"Signed in from new addresses: {breach.STRANGE}")
    await room.shows("AttachRolePolicy complyai-core")
    await room.shows("3 of 3 failed, from")
    asked = await room.says("TO DO · Application vulnerability?")
    await company.omar.presses(asked, room.channel, names.DONE)
    await room.shows("OK · Evidence collected: 3 objects in s3:")
    await _is_kept(company)
    await _ends_only_when_all_are_notified(company, room)


async def _is_private(company: Company, room: Incident) -> None:
    """Nobody else sees it, hears of it, or finds it by asking the bot."""
    channel = company.box.slack.channel(room.channel)
    assert channel.kind == "private"
    assert set(channel.members) >= {"U0OMAR", "U0NINA", "U0THEO", "U0IRIS", "U0MARA"}
    assert not {"U0DANA", "U0RAVI", "U0VERA"} & set(channel.members)
    assert "Do NOT communicate externally" in channel.topic.value
    await room.says("Do NOT communicate externally yet")
    await room.says("CTO <@U0IRIS>, Legal <@U0MARA>")
    (run,) = set(re.findall(r"run ([2-9A-Z]{4}), RB-INC-002", room.card["text"]))
    dana = company.person("dana")
    for asked in ("status", f"status {run}", "history"):
        told = await _answer(dana, asked)
        assert "Data Breach" not in told and run not in told.replace(f"no run {run}", "")
    assert run in await _answer(company.omar, "status")
    others = [one for one in company.box.slack.channels() if one.id != room.channel]
    said = json.dumps([one for place in others for one in place.messages.values()])
    assert "RB-INC-002" not in said and room.name not in said
    assert "not for everybody" in await dana.asks("dry RB-INC-002 brief_desc=drill")


async def _answer(person: Person, asked: str) -> str:
    """What Slack shows at once, to them alone."""
    return json.dumps((await person.types(asked)).payload)


async def _evidence_comes_first(company: Company, room: Incident) -> None:
    """Whatever somebody would press first: until then there is nothing to contain with."""
    asked = await room.asks_for_approval("create-db-cluster-snapshot")
    await room.shows("DONE · Copy the suspects' sessions to the evidence bucket")
    assert not any(has(one, names.PICK) for one in room.messages)
    assert not [one for one in company.box.aws.calls if one.operation == "UpdateAccessKey"]
    (name,) = await company.kept()
    assert "/sessions/users-2" in name
    await company.person("nina").presses(asked, room.channel, names.APPROVE)
    await room.offers(f"{names.PICK}:revoke_sessions")


async def _is_kept(company: Company) -> None:
    """Everything, as it was before it was contained, and by its hash."""
    kept = await company.kept()
    assert len(kept) == 1 + len(SERVICES)
    (sessions,) = [one for name, one in kept.items() if "/sessions/" in name]
    rows = json.loads(sessions["Body"].read())["sessions"]
    strange = [one for one in rows if one["ip"] == breach.STRANGE]
    assert len(strange) == 2 and all(one["revoked_at"] is None for one in strange)
    (core,) = [one for name, one in kept.items() if "/logs/ecs-complyai-core/" in name]
    body = core["Body"].read()
    assert hashlib.sha256(body).hexdigest() == core["Metadata"]["sha256"]
    lines = gzip.decompress(body).decode().splitlines()
    assert len(lines) == int(core["Metadata"]["lines"]) > 1000
    assert json.loads(lines[0])["message"]
    assert all(one["ObjectLockMode"] == "COMPLIANCE" for one in kept.values())


async def _ends_only_when_all_are_notified(company: Company, room: Incident) -> None:
    for title in ("EU user data", "CA resident data", "Any PII"):
        asked = await room.says(f"QUESTION · {title}")
        await company.omar.presses(asked, room.channel, names.PROPOSED)
    for title in ("EU user data: notify", "CA resident data: prepare", "Any PII: notify"):
        asked = await room.says(f"TO DO · {title}")
        assert "FINISHED" not in room.card["text"]
        await company.omar.presses(asked, room.channel, names.DONE)
    await room.says("FINISHED")


async def test_a_run_whose_private_channel_cannot_be_opened_is_said_nowhere_else(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits there, and whoever started it finds it."""
    monkeypatch.setattr(routing, "ROOM_PATIENCE_S", 0.0)
    box = company.box
    box.slack.faults.refuse("conversations.create", "restricted_action")
    told = await company.omar.asks("RB-INC-002 brief_desc=no-room")
    (run,) = set(re.findall(r"Run ([2-9A-Z]{4}) of RB-INC-002 has begun", told))
    shown = ""
    while "FAILED" not in shown:
        await asyncio.sleep(0.1)  # Nothing is said that could be waited for.
        shown = await _answer(company.omar, f"status {run}")
    assert "Open a private channel for those who must know" in shown
    dana = company.person("dana")
    await dana.insists("dry RB-INC-001 brief_desc=afterwards")
    general = Incident(box, GENERAL, "general")
    await general.says("RB-INC-001")
    said = [one for place in box.slack.channels() for one in place.messages.values()]
    assert run not in json.dumps(said)
