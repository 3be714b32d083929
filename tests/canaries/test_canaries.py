"""
Secrets are planted in every place where one can get into the bot; the bot is led through an
incident in which things fail; then everything that it has written anywhere is searched for them.
"""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiohttp import web
from cryptography.fernet import Fernet

from bot.slack.views import names
from sandbox.box import Box
from sandbox.peers import status_pages
from sandbox.peers.github import GitHub
from sandbox.peers.health import HealthService, ServiceState
from sandbox.slack.site import Site
from sandbox.slack.socket_mode import SocketMode
from tests.canaries.planting import Canaries
from tests.scenarios.stage import GENERAL, PATIENCE_S, Incident, Person, has, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("forms_may_open_late"),
]
ROOT = Path(__file__).parents[2]
SCALE = 0.1
KEY = "RSA PRIVATE KEY"


@dataclass
class Ears:
    """All that the local Slack was ever sent, as it came in."""

    heard: list[bytes] = field(default_factory=list)

    @web.middleware
    async def listen(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith(("/api/", "/upload/", "/response/")):
            self.heard.append(request.path_qs.encode() + b"\n" + await request.read())
        response: web.StreamResponse = await handler(request)
        return response

    def attach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, acknowledged = Site.app, SocketMode._acknowledge

        def app(site: Site, extra: Any) -> web.Application:
            found = made(site, extra)
            found.middlewares.append(self.listen)
            return found

        def acknowledge(mode: SocketMode, body: Any) -> None:
            self.heard.append(json.dumps(body).encode())
            acknowledged(mode, body)

        monkeypatch.setattr(Site, "app", app)
        monkeypatch.setattr(SocketMode, "_acknowledge", acknowledge)


@dataclass
class Leaky:
    """A bot in a process of its own, and what it writes."""

    box: Box
    folder: Path
    environment: Mapping[str, str]
    ears: Ears
    processes: dict[str, bytes] = field(default_factory=dict)
    wal: bytes = b""

    async def run(self, *command: str) -> asyncio.subprocess.Process:
        with (
            (self.folder / "stdout").open("ab") as out,
            (self.folder / "stderr").open("ab") as err,
        ):
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.canaries.leaky_bot", *command,
                cwd=ROOT, env={**os.environ, **self.environment}, stdout=out, stderr=err,
            )  # fmt: skip

    async def ends_with(self, *command: str) -> int:
        """The exit status of something else that the command line does."""
        return await (await self.run(*command)).wait()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        process = await self.run()
        slack = self.box.slack
        connected = asyncio.create_task(
            slack.wait_for(lambda: slack.socket_mode.connections, PATIENCE_S)
        )
        over = asyncio.create_task(process.wait())
        await asyncio.wait({connected, over}, return_when=asyncio.FIRST_COMPLETED)
        assert not over.done(), (self.folder / "stderr").read_text()
        await connected
        try:
            yield
            self.look_at(process.pid)
            self.back_up()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await over

    def look_at(self, pid: int) -> None:
        """All that `ps` shows, the bot and whatever it has started among it."""
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # It has just ended.
                self.processes[process.parent.name] = process.read_bytes()
        assert b"leaky_bot" in self.processes[str(pid)]

    def back_up(self) -> None:
        self.wal = (self.folder / "runbook-bot.db-wal").read_bytes()
        with sqlite3.connect(self.folder / "runbook-bot.db") as connection:
            connection.execute("vacuum into ?", [str(self.folder / "backup.db")])

    def written(self) -> Mapping[str, bytes]:
        """Everything that anybody could read afterwards, by where it is."""
        files = (path for path in self.folder.iterdir() if path.is_file())
        peers = (self.box.pagerduty, self.box.github, self.box.vendors)
        calls = [one for peer in peers for one in peer.calls]
        sent = [[one.path, dict(one.query), _without_key(one.body)] for one in calls]
        return {
            **{path.name: path.read_bytes() for path in files},
            "Slack": b"\n".join(self.ears.heard),
            "Slack's files": b"\n".join(one.content or b"" for one in self.box.slack.files),
            "the process list": b"\n".join(self.processes.values()),
            "peers": json.dumps(sent).encode(),
            "the WAL": self.wal,
        }


def _without_key(body: Any) -> Any:
    """PagerDuty is told its own key, and in the body."""
    return {**body, "routing_key": ""} if isinstance(body, dict) else body


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
async def leaky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canaries: Canaries
) -> AsyncIterator[Leaky]:
    ears = Ears()
    ears.attach(monkeypatch)
    leaky_peers(monkeypatch, canaries)
    box = Box(tmp_path, scale=SCALE)
    async with box.running():
        yield Leaky(box, tmp_path, environment(box, tmp_path, canaries), ears)


def leaky_peers(monkeypatch: pytest.MonkeyPatch, canaries: Canaries) -> None:
    """What others say has their own secrets in it, or ours."""
    health = canaries.plant("health JSON", "db says password={} is wrong")
    vendor = canaries.tear("status page", "https://bot:{}@stripe.example is slow")
    body, stripe = HealthService._body, status_pages._stripe
    allowed, refused = GitHub._no, [True]

    def unwell(service: HealthService, state: ServiceState) -> dict[str, object]:
        return body(service, state) | ({"error": health} if state.condition == "failing" else {})

    def refuse(github: GitHub, request: web.Request) -> web.Response | None:
        if request.method == "GET" or not refused:
            return allowed(github, request)
        refused.pop()
        sent = request.headers["Authorization"]
        canaries.know("Basic", sent.split()[-1])
        message = f"Resource not accessible: you sent Authorization {sent} and {sent[7:]}"
        return web.json_response({"message": message}, status=403)

    monkeypatch.setattr(HealthService, "_body", unwell)
    monkeypatch.setattr(GitHub, "_no", refuse)
    monkeypatch.setitem(
        status_pages._CONTENT, "Stripe", lambda condition: {**stripe("trouble"), "message": vendor}
    )


def environment(box: Box, folder: Path, canaries: Canaries) -> dict[str, str]:
    """The settings, with a secret by each of the ways there are."""
    given, slack = dict(box.environment()), box.slack
    keys = folder / "secrets" / "keys"
    keys.write_text(canaries.know("keys", Fernet.generate_key().decode()))
    keys.chmod(0o600)
    password = box.database.dsn.split("@")[0].rsplit(":", 1)[1]
    aws = boto3.Session(
        given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    ).client("secretsmanager", endpoint_url=box.aws.endpoint_url)
    stored = {"github": canaries.know("by aws", box.github.token), "other": "x"}
    aws.create_secret(Name="prod/bot", SecretString=json.dumps(stored))
    canaries.know("by file", password)
    canaries.know("routing key", box.pagerduty.routing_key)
    canaries.know("API token", box.pagerduty.api_token)
    canaries.know("AWS's secret", given["AWS_SECRET_ACCESS_KEY"])
    split = canaries.plant("split", "xoxb-2345678901-{}")
    careless = {
        "summary": canaries.plant("summary", "token EAAG{}AbCdEfGhIjKl"),
        "fact": canaries.plant("fact", "Tr0ub4dor-{}"),
        "split": f"{split[:22]}\u200b{split[22:]}",
        "table": canaries.plant("table", "ghp_{}AbCdEf"),
        "plot": canaries.plant("plot", "sk_live_{}"),
        "line": canaries.plant("line of a plot", "whsec_{}"),
        "file": canaries.plant("file", f"-----BEGIN {KEY}-----\nMIIE{{}}\n-----END {KEY}-----"),
        "known": canaries.plant("known", "a value of no shape {}"),
        "exception": canaries.plant("exception", "postgresql://bot:{}@db/prod"),
        "args": canaries.plant("arguments of an exception", "postgresql://bot:{}@db/prod"),
        "log": canaries.plant("log", "eyJhbGciOiJIUzI1NiJ9.{}.sig"),
        "print": canaries.plant("print", "xapp-1-{}"),
        "warning": canaries.plant("warning", "rk_live_{}"),
        "thread": canaries.plant("thread", "github_pat_{}"),
        "task": canaries.plant("task", "xoxp-1-{}"),
        "room": canaries.plant("room", "xoxb-1-{}"),
        "block": canaries.plant("block", "xoxb-2-{}"),
        "attached": canaries.plant("attached", "password: {}"),
    }  # fmt: skip
    return {
        **given,
        "CANARIES": json.dumps(careless),
        "CANARY_LOG": str(folder / "log"),
        "DATABASE_PASSWORD": canaries.plant("environment", "{}"),
        "RUNBOOK_BOT_SLACK__BOT_TOKEN": canaries.know("by variable", slack.bot_token),
        "RUNBOOK_BOT_SLACK__APP_TOKEN": canaries.know("app token", slack.app_token),
        "RUNBOOK_BOT_TICKETS__TOKEN": "aws:prod/bot#github",
        "RUNBOOK_BOT_SECRETS__KEEP": "store",
        "RUNBOOK_BOT_SECRETS__KEYS": f"file:{keys}",
    }


async def test_no_secret_is_anywhere_that_somebody_can_read(
    leaky: Leaky, canaries: Canaries
) -> None:
    dana, ravi, lena = (Person(leaky.box, one) for one in ("U0DANA", "U0RAVI", "U0LENA"))
    await leaky.box.switch("bad-deploy", on=True)
    async with leaky.serving():
        await types_secrets(dana, canaries)
        await fills_in_a_secret(dana, canaries)
        await leads_through_an_incident(leaky.box, dana, ravi, canaries)
        await asks_while_slack_is_unwell(lena, canaries)
    leaky.box.aws.faults.error(
        "ecs", code="ClientException", status=400, times=3,
        message=canaries.plant("AWS at the doctor's", "key AKIA0123456789ABCDEF, password: {}"),
    )  # fmt: skip
    assert await leaky.ends_with("doctor") == 1
    assert await leaky.ends_with("audit", "verify") == 0
    assert await leaky.ends_with("audit", "export") == 0
    written = leaky.written()
    assert canaries.seen_in(written) == []
    assert_it_was_written(written)


async def types_secrets(dana: Person, canaries: Canaries) -> None:
    """Behind the command: refused, and not kept."""
    for text in (
        f"RB-INC-001 brief_desc={canaries.plant('command', 'xoxb-1234567890-{}')}",
        f"show {canaries.plant('command word', 'xoxb-2-{}')}",
        f"RB-INC-001 services={canaries.plant('prefilled', 'ghp_{}AbCdEf')}",
    ):
        assert (await dana.types(text)).acked
    await dana.sees_form(names.START_MODAL)


async def fills_in_a_secret(dana: Person, canaries: Canaries) -> None:
    """Of the careless runbook, whose steps then say all they know."""
    assert (await dana.types("RB-CAN-001")).acked
    form = await until(
        dana.box,
        lambda: next((v for v in dana.box.slack.views(dana.id) if "Canaries" in str(v)), None),
    )
    assert not (await dana.submits(form, {"token": canaries.plant("form", "typed-{}")})).errors

    def all_said() -> bool:
        files = {one.name for one in dana.box.slack.files}
        return {"answered.png", "leak.txt"} <= files or False

    await until(dana.box, lambda: all_said() or None)


async def leads_through_an_incident(
    box: Box, dana: Person, ravi: Person, canaries: Canaries
) -> None:
    room = await dana.starts("RB-INC-001 brief_desc=core-5xx")
    pick = f"{names.PICK}:roll_back"
    await dana.presses(await room.offers(pick), room.channel, pick)
    asked = await room.asks_for_approval("update-service")
    box.aws.faults.error(
        "ecs", "UpdateService", code="InvalidParameterException", status=400,
        message=f"{canaries.plant('AWS', 'SecretString=hidden-{}')} is in the task definition",
    )  # fmt: skip
    await ravi.presses(asked, room.channel, names.APPROVE)
    await until(box, lambda: [m for m in room.messages if "ecs:UpdateService" in m["text"]])

    await dana.presses(await room.offers(pick), room.channel, pick)
    asked = await another(room, asked)
    await ravi.presses(asked, room.channel, names.DENY)
    form = await ravi.sees_form(names.DENY_MODAL)
    reason = f"the log says {canaries.plant('reason', 'Authorization: Bearer {}')}"
    assert not (await ravi.submits(form, {names.REASON: reason})).errors
    await until(box, lambda: [m for m in room.messages if "the log says" in json.dumps(m)])

    await dana.presses(await room.offers(pick), room.channel, pick)
    await ravi.presses(await another(room, asked), room.channel, names.APPROVE)
    await until(box, lambda: box.aws.is_well("complyai-core") or None)
    await room.offers(f"{names.UNDO}:roll_back")
    card = await room.offers(names.CLOSE)
    await dana.presses(card, room.channel, names.CLOSE)
    await room.says("Resource not accessible")
    again = f"{names.AGAIN}:create_tickets"
    await dana.presses(await room.offers(again), room.channel, again)
    await until(box, lambda: box.github.issues or None)


async def another(room: Incident, before: Mapping[str, Any]) -> Mapping[str, Any]:
    def there() -> Mapping[str, Any] | None:
        able = [one for one in room.messages if has(one, names.DENY)]
        return next((one for one in able if one["ts"] != before["ts"]), None)

    return await until(room.box, there)


async def asks_while_slack_is_unwell(lena: Person, canaries: Canaries) -> None:
    """Slack's own error is handed to the person, after a command and after a button."""
    error, box = canaries.plant("Slack's error", "xoxb-3-{}"), lena.box
    box.slack.faults.refuse("users.info", error, times=100)
    assert "users.info" in await lena.asks("RB-INC-001 brief_desc=again")
    before = len(lena.told())
    card = next(one for one in box.slack.messages(GENERAL) if has(one, names.SHOW_RUN))
    await lena.presses(card, GENERAL, names.SHOW_RUN)
    assert "users.info" in (await until(box, lambda: lena.told()[before:]))[-1]


def assert_it_was_written(written: Mapping[str, bytes]) -> None:
    """Else it would be no wonder that nothing was found."""
    for sink, text in (
        ("Slack", "Resource not accessible: you sent Authorization Bearer [secret aws:prod/bot"),
        (
            "Slack",
            "says 'unhealthy' (HTTP 503): capacity down, db says password=[secret] is wrong",
        ),
        ("Slack", "Stripe: https://bot:[secret]@stripe.example is slow"),
        ("Slack", "SecretString=[secret] is in the task definition"),
        ("Slack", "There is no [secret]."),
        ("Slack", "There is a secret in it; nothing was started."),
        ("Slack", "logged in with [secret file:"),
        ("Slack", "(users.info: [secret])"),
        ("Slack", "Errors [secret]"),
        ("Slack's files", "-----\n[secret]"),
        ("Slack's files", "in a file: password: [secret]"),
        ("Slack's files", "db says password=[secret]"),
        ("stdout", "the log says Authorization: Bearer [secret]"),
        ("stdout", "Whole: "),
        ("peers", "db says password=[secret]"),
        ("log", "cannot log in at [secret env:EXCEPTION]"),
        ("log", "in a task that nobody looks at: [secret]"),
        ("stdout", "debug: [secret]"),
        (
            "stdout",
            "AWS refused ecs:DescribeServices: key AKIA0123456789ABCDEF, password: [secret]",
        ),
        ("stderr", "in a thread: [secret]"),
        ("runbook-bot.db", "password=[secret]"),
        ("backup.db", "password=[secret]"),
        ("the WAL", "[secret]"),
        ("the process list", "leaky_bot"),
    ):
        assert text.encode() in written[sink], (sink, text)
