"""What the clock starts day by day, as it goes in the whole company: one report, worst first."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.box import Box
from sandbox.postgres import Database
from sandbox.slack.messages import Draft
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Message, Person, has, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Morning:
    box: Box

    async def report(self, book: str, channel: str) -> Message:
        """What is said of it in a channel of its own, which is one message."""
        place = self.box.slack.add_channel(channel, ("U0DANA",))
        assert (await Person(self.box, "U0DANA").types(book, place)).acked
        await until(self.box, lambda: self._reports(place) or None)
        (report,) = self.box.slack.messages(place)
        return report

    def _reports(self, channel: str) -> list[Message]:
        said = self.box.slack.messages(channel)
        return [one for one in said if has(one, names.TIMELINE)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def morning(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Morning]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=16) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield Morning(box)


def said(report: Message) -> str:
    return json.dumps(report["blocks"], ensure_ascii=False)


async def test_a_stale_sync_and_dead_workers_are_found_and_lead_on(morning: Morning) -> None:
    box = morning.box
    for name in ("stale-sync", "queue-backlog-dead-worker"):
        await box.switch(name, on=True)
    report = await morning.report("DAILY-002", "ads")
    text, blocks = str(report["text"]), said(report)
    assert text.startswith("DAILY-002 Ad Sync Monitoring, run ")
    assert "organization 12: " in text and "synced 3 h 00 min ago" in text
    assert "Sync it by hand (organization: " in blocks and "Run RB-SYNC-001" in blocks
    assert "celery-worker has 0 of 3 pods ready" in text and "CrashLoopBackOff" in text
    if box.ads.work.is_there:
        assert "140 jobs wait in ad_sync" in text
    assert text.index("PROBLEM ·") < text.index("checks well: ")
    for name in ("stale-sync", "queue-backlog-dead-worker"):
        await box.switch(name, on=False)


async def test_the_morning_is_one_report_with_the_worst_first(morning: Morning) -> None:
    box = morning.box
    for name in ("bad-deploy", "vendor-down"):
        await box.switch(name, on=True)
    author = {"user": "U0GRAFANA", "bot_id": "B0GRAFANA", "bot_profile": {"name": "Grafana"}}
    for text in ("[FIRING:1] HighLatency core", "[FIRING:1] Disk api", "[RESOLVED] Disk api"):
        box.slack.team.post(box.slack.channel("alerts"), Draft(author, text))
    report = await morning.report("DAILY-001", "morning")
    text, blocks = str(report["text"]), said(report)
    order = (
        "PROBLEM · Check service health dashboard: Not healthy: 1 of 4 services",
        "service complyai-core: says 'unhealthy'",
        "PROBLEM · Review CloudWatch alarms: Raised: 2 of 11 alarms; without data: 1",
        "PROBLEM · Check error rates in monitoring",
        "In trouble: Stripe",
        "WARNING · Check #alerts Slack channel: Still standing: 1 of 2 alerts",
        "alerts of Grafana: [FIRING:1] HighLatency core",
        "checks well: ",
    )
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    filled = "(brief_desc: complyai-core-down, services: complyai-core)"
    assert filled in blocks and "Run RB-INC-001" in blocks
    there = box.slack.channel("morning").messages
    await until(box, lambda: "error_rates.png" in json.dumps([*there.values()]) or None)
