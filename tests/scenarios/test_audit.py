"""An outage, and the proof of who did what: offline, by an anchor that nobody can take back."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import boto3

from assembly.serving import running_bot
from bot.settings import AuditSettings
from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.company import bot_in
from tests.scenarios.stage import Person, until

ALERTS, BUCKET = "C0ALERTS", "anchors"


async def test_who_did_what_is_proved_offline_by_an_anchor_in_a_bucket_and_a_channel(
    box: Box, dana: Person, ravi: Person, tmp_path: Path
) -> None:
    s3: Any = boto3.client("s3", region_name="us-east-1", endpoint_url=box.aws.endpoint_url)
    await asyncio.to_thread(s3.create_bucket, Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    async with bot_in(box):
        run_id = await _vendor_outage(box, dana, ravi)
        status, said = await _audit(box, "verify")
        assert status == 0, said
        omar = Person(box, "U0OMAR")
        assert (await omar.types(f"audit {run_id}")).acked
        await omar.is_told("whole up to entry")
        assert (await dana.types(f"audit {run_id}")).acked
        await dana.is_told("read the audit log")

    settings = box.settings().model_copy(update={"audit": AuditSettings(bucket=BUCKET)})
    async with running_bot(settings):  # a day later, as far as anchors are concerned
        (posted,) = await until(box, lambda: _anchors(box))
        kept = await _kept(s3)
    assert posted == kept
    _, exported = await _audit(box, "export")
    file = tmp_path / "audit.jsonl"
    file.write_text(exported)
    proof = await _audit(box, "verify", "--file", str(file), "--anchor", posted)
    assert proof[0] == 0 and "Anchors that fit: 1" in proof[1]
    _assert_tells_it_all([json.loads(one) for one in exported.splitlines()], run_id)

    forged = exported.replace('"by": "U0RAVI"', '"by": "U0LENA"', 1)
    file.write_text(forged)
    status, said = await _audit(box, "verify", "--file", str(file))
    assert status == 1 and "U0LENA" in said


async def _vendor_outage(box: Box, dana: Person, ravi: Person) -> str:
    await box.switch("vendor-down", on=True)
    room = await dana.starts("RB-INC-001 brief_desc=stripe")
    card = await room.offers(f"{names.PICK}:open_circuits")
    await dana.presses(card, room.channel, f"{names.PICK}:open_circuits")
    asked = await room.asks_for_approval("put-parameter")
    await ravi.presses(asked, room.channel, names.WHOLE_PLAN)
    await dana.presses(asked, room.channel, names.APPROVE)
    await dana.is_told("somebody else must approve", room.channel)
    await ravi.presses(asked, room.channel, names.APPROVE)
    card = await room.offers(f"{names.UNDO}:open_circuits")
    found = re.search(r'"value": "(\w+) open_circuits"', json.dumps(card))
    assert found
    return found[1]


def _assert_tells_it_all(entries: list[dict[str, Any]], run_id: str) -> None:
    mine = [one for one in entries if one["run"] == run_id and one["about"] == "open_circuits"]
    told = [(one["what"], one["by"]) for one in mine]
    assert told == [
        ("picked", "U0DANA"),
        ("approval asked", "U0DANA"),
        ("plan viewed", "U0RAVI"),
        ("refused decide", "U0DANA"),
        ("approved", "U0RAVI"),
        ("change intended", ""),
        ("change applied", ""),
        ("plan applied", ""),
    ]
    assert len({one["body"]["digest"] for one in mine[1:]}) == 1
    (shown,) = mine[1]["body"]["shown"]
    assert shown["command"] == mine[5]["body"]["command"]


def _anchors(box: Box) -> list[str]:
    posted = "\n".join(str(one["text"]) for one in box.slack.messages(ALERTS))
    return re.findall(r"--anchor (\d+:[0-9a-f]{64})", posted)


async def _kept(s3: Any) -> str:
    def read() -> str | None:
        listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        if not listed:
            return None
        told = json.load(s3.get_object(Bucket=BUCKET, Key=listed[0]["Key"])["Body"])
        return f"{told['seq']}:{told['hash']}"

    while (found := await asyncio.to_thread(read)) is None:
        pass
    return found


async def _audit(box: Box, *words: str) -> tuple[int | None, str]:
    """In a process of its own, beside the bot."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "app.py", "audit", *words,
        env=os.environ | {"RUNBOOK_BOT_STORE__URL": box.settings().store.url},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await child.communicate()
    return child.returncode, out.decode()
