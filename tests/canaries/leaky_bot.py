"""
The bot, as careless as can be: `python -m tests.canaries.leaky_bot COMMAND`. Nothing of it is
changed but what is said here: a runbook whose steps hand on whatever secret they meet, and outside
systems whose errors have secrets in them. Its log is of everything (DEBUG).

CANARY_LOG is where the log goes; CANARIES are secrets to be careless with, as JSON.
"""

import asyncio
import base64
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import app
import commands
from adapters.postgres import Postgres
from assembly.room import RunRoom
from bot.runbook import Facts, File, Found, Plot, Run, Runbook, RunbookInputs, Secret, Table
from bot.runbook.words import problem
from bot.secrets.redaction import REDACTOR
from bot.store.deliveries import Delivery, message

CANARIES: dict[str, str] = json.loads(os.environ["CANARIES"])
AT = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


class Inputs(RunbookInputs):
    token: Secret


class Leaked(Facts):
    line: str
    lines: tuple[str, ...]


book = Runbook(
    id="RB-CAN-001", title="Canaries", severity="P4", category="Incident", when=(), inputs=Inputs
)
leaks = book.section("Leaks", together=True)


@leaks.check("What an adapter answers")
async def answered(inputs: Inputs, run: Run, postgres: Postgres) -> Found[Leaked]:
    assert postgres._dsn
    password = urlsplit(await postgres._dsn.value()).password
    said = f"run {run.id} with {inputs.token}: {CANARIES['summary']}, logged in with {password}"
    return problem(
        said,
        Leaked(line=f"password={CANARIES['fact']}", lines=(CANARIES["split"], "x")),
        table=Table(("Line",), tuple((f"{CANARIES['table']} {n}",) for n in range(60))),
        plot=Plot(
            f"Errors {CANARIES['plot']}", "1/s", {f"a {CANARIES['line']}": ((AT, 1.0), (AT, 2.0))}
        ),
        file=File("leak.txt", f"-----\n{CANARIES['file']}\n"),
    )


@leaks.check("What fails in its own code")
async def failed(postgres: Postgres) -> Found[Leaked]:
    raise ConnectionError(f"cannot log in at {CANARIES['exception']}", {"dsn": CANARIES["args"]})


@leaks.check("What libraries say")
async def chatted() -> Found[Leaked]:
    for name in ("httpx", "botocore.parsers", "slack_bolt.App", "sqlalchemy.engine", "any"):
        logging.getLogger(name).debug("sent %s", {"authorization": f"Bearer {CANARIES['log']}"})
        logging.getLogger(name).warning("sent %r", [CANARIES["log"]])
    print(f"debug: {CANARIES['print']}")
    print(f"debug: {CANARIES['print']}", file=sys.stderr)
    warnings.warn(f"do not use {CANARIES['warning']}", stacklevel=1)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    task = asyncio.create_task(lose())
    await asyncio.wait([task])
    del task
    return problem("They said it", Leaked(line="", lines=()))


def fail() -> None:
    raise RuntimeError(f"in a thread: {CANARIES['thread']}")


async def lose() -> None:
    raise RuntimeError(f"in a task that nobody looks at: {CANARIES['task']}")


async def careless_timeline(self: RunRoom, run_id: str) -> Sequence[Delivery]:
    """An adapter that puts into the run's channel what was never a row before."""
    whole = await timeline(self, run_id)
    name = whole[0].name
    spoken = message(f"{name}/leak", f"said {CANARIES['room']}", [_section(CANARIES["block"])])
    content = base64.b64encode(f"in a file: {CANARIES['attached']}".encode()).decode()
    payload = {"filename": "a.txt", "title": "a", "alt_text": "a", "content": content}
    return (*whole, spoken, Delivery(f"{name}/attached", "file", payload))


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": f"block {text}"}}


timeline = RunRoom.timeline


def main() -> int:
    log = logging.FileHandler(os.environ["CANARY_LOG"])
    log.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(log)
    logging.getLogger().setLevel(logging.DEBUG)
    cast(dict[str, Runbook], commands.RUNBOOKS)[book.id] = book
    RunRoom.timeline = careless_timeline  # type: ignore[method-assign]
    for known in ("known", "exception"):
        REDACTOR.learn(CANARIES[known], f"env:{known.upper()}")
    return app.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
