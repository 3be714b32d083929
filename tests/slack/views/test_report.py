"""A report is read in a few seconds: worst first, what is new, what is known, what is well."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.engine.record import BY_THE_CLOCK, Origin, RunRecord, Trouble
from bot.engine.scheduled import LastRun, ScheduleRecord
from bot.engine.turned import Turn, Turned
from bot.runbook.cron import Cron
from bot.slack.views import names
from bot.slack.views.card import card
from bot.slack.views.ephemeral import history
from bot.slack.views.kit import Rendered
from bot.slack.views.names import pressed
from bot.slack.views.report import report
from bot.slack.views.results import started
from bot.slack.views.schedules import LISTED, schedules, trouble
from bot.slack.views.timeline import timeline, timeline_text
from tests.live import assert_inert
from tests.slack.views.checking import action_ids, assert_message, elements, labels, words
from tests.slack.views.sample import (
    DANA,
    HOSTILE,
    LENA,
    after,
    hostile_run,
    long_run,
    outage,
    with_approval,
)
from tests.slack.views.sample import approval as asked

GOLDEN = Path(__file__).parent / "golden"
OPS = "C0OPS00000"
YESTERDAY = datetime(2026, 3, 5, 7, 45, tzinfo=UTC)


def turned(step: str, how: Turned, **more: Any) -> Turn:
    known: dict[str, Any] = {
        "concern": "", "verdict": "problem", "says": "it is so", "since": after(31)
    }  # fmt: skip
    return Turn(step=step, turned=how, **(known | more))


TOLD = {"told_at": after(-720), "told_in": OPS, "told_by": "DAILY-001", "since": after(-1020)}
NEWS = (
    turned("services", "bad", concern="complyai-core", says="0 of 4 tasks"),
    turned("services", "known", concern="complyai-api", says="3 of 4 tasks", **TOLD),
    turned("deployments", "known", **(TOLD | {"since": YESTERDAY, "told_at": YESTERDAY})),
    turned("vendors", "unsure", verdict="unknown"),
    turned("database", "good", verdict="ok", concern="replica", until=after(2731)),
)


def reporting(speaks: Any = "once", **more: Any) -> RunRecord:
    run = outage()
    book = replace(
        run.outline, book="DAILY-002", title="Ad Sync Monitoring", severity="P3", speaks=speaks
    )
    known: dict[str, Any] = {
        "status": "finished",
        "ended_at": after(32),
        "news": NEWS,
        "open_pick": None,
    }
    return replace(run, outline=book, inputs={}, **(known | more))


def by_the_clock(speaks: Any = "on change", **more: Any) -> RunRecord:
    return reporting(speaks, schedule="DAILY-002", started_by=BY_THE_CLOCK, **more)


def all_well() -> RunRecord:
    run = reporting(news=())
    well: Any = {"status": "ok", "says": "well"}
    return replace(run, steps={k: replace(s, **well) for k, s in run.steps.items()})


CRON = Cron("0 8 * * mon-fri", "Europe/Berlin")
OWN = ScheduleRecord(
    "DAILY-002", "DAILY-002", {}, Cron("*/15 * * * *", "Europe/Berlin"), Origin(OPS, "ops"), "",
    after(900), skipped="3 while no bot ran",
    last=LastRun("7F3K", after(0), "finished", "problem"),
)  # fmt: skip
THEIRS = ScheduleRecord(
    "K3PQ", "RB-INC-001", {"services": ["core", "api"], "severity": "P1"}, CRON,
    Origin("D0DANA0000"), DANA, after(90_000),
    last=LastRun("9XYZ", after(0), "running", "ok"),
)  # fmt: skip
PAUSED = replace(
    THEIRS, id="M2NP", by=LENA, paused_at=after(60), paused_by=DANA, last=None,
    origin=Origin(OPS, "ops"),
)  # fmt: skip
BY_ITSELF = replace(PAUSED, id="Q7RS", paused_by="", paused_why="You need the role responder.")
EVERY = (OWN, THEIRS, PAUSED, BY_ITSELF)
TROUBLE = Trouble("K3PQ", "RB-INC-001", DANA, OPS, after(0), "There is no such service.")

CASES = {
    "report_once": report(reporting()),
    "report_on_change": report(by_the_clock()),
    "report_all_well": report(all_well()),
    "schedules": schedules(EVERY, {"DAILY-002", "K3PQ", "M2NP"}),
    "schedule_paused_itself": trouble(replace(TROUBLE, is_paused=True)),
    "schedule_skipped": trouble(replace(TROUBLE, by="", schedule="DAILY-002")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_is_what_was_reviewed(case: str) -> None:
    made = CASES[case]
    assert_message(made)
    shown = {"text": made.text, "blocks": made.blocks}
    assert shown == json.loads((GOLDEN / f"{case}.json").read_text())


def test_a_report_begins_with_what_is_worst_and_ends_with_what_is_well() -> None:
    shown = words(report(reporting()))
    order = ["2 PROBLEM, 1 UNKNOWN", "0 of 4 tasks", "11 min ago", "Auth0", "1 check well"]
    assert [shown.find(one) for one in order] == sorted(shown.find(one) for one in order)
    assert "looked 2026-03-06 14:02:10 to 14:02:31 UTC" in shown


def test_what_is_known_is_told_apart_from_what_is_new() -> None:
    made = report(reporting())
    for said in (made.text, words(made)):
        assert "complyai-core: 0 of 4 tasks" in said and "NEW, since 14:02 UTC" in said
        assert "known since 13:45 UTC, told 13:50 UTC by DAILY-001" in said
        assert "known since 2026-03-05 07:45 UTC, told by DAILY-001" in said
    assert elements(made, type="channel", channel_id=OPS) and f"<#{OPS}>" in made.text


def test_on_change_only_what_turned_is_there() -> None:
    shown = words(report(by_the_clock()))
    assert "1 TURNED BAD, 1 WELL AGAIN" in shown
    assert "complyai-core: 0 of 4" in shown and "replica: well again\n · after 45 min" in shown
    for known in ("complyai-api", "Auth0", "deployed 11 min ago"):
        assert known not in shown


def test_a_finding_leads_on_with_its_reason() -> None:
    made = report(reporting())
    (hop,) = elements(made, action_id="rb.next_hop:services.0")
    assert (pressed(hop).id, pressed(hop).step, pressed(hop).number) == ("7F3K", "services", 0)
    assert "The database is gone (database: complyai-prod)" in words(made)


def test_a_report_of_what_was_cut_off_says_so() -> None:
    made = report(reporting(status="cancelled"))
    assert "CANCELLED · 2 PROBLEM" in words(made) and "CANCELLED" in made.text
    nothing = replace(all_well(), steps={})
    assert "NOTHING WAS LOOKED AT" in report(nothing).text


def test_what_the_clock_has_started_is_called_nobodys() -> None:
    run = by_the_clock("as it goes")
    shown = (card(run), started(run), history([run]), timeline(run))
    for one in shown:
        assert_message(one)
        assert "its own schedule" in one.text + words(one)
        assert not elements(one, type="user", user_id=BY_THE_CLOCK)
    assert "started by its own schedule" in timeline_text(run)
    theirs = replace(run, schedule="K3PQ", started_by=DANA)
    for one in (card(theirs), started(theirs), history([theirs])):
        assert f"schedule K3PQ of <@{DANA}>" in one.text + str(one.blocks)
    assert f"started by schedule K3PQ of {DANA}" in timeline_text(theirs)


def test_the_list_offers_what_somebody_may_do() -> None:
    made = schedules(EVERY, {"DAILY-002", "K3PQ", "M2NP"})
    assert labels(made) == ["Pause", "Pause", "Remove…", "Resume", "Remove…"]
    assert {name.partition(":")[0] for name in action_ids(made)} == set(names.WAYS)
    assert not labels(schedules(EVERY, ()))


def test_the_list_says_when_by_the_readers_clock() -> None:
    made = schedules(EVERY, ())
    (due,) = elements(made, type="date", timestamp=int(after(900).timestamp()))
    assert due["fallback"] == "2026-03-06 14:17 UTC"
    assert "PAUSED by the bot itself" in made.text and "You need the role" in words(made)


def test_a_list_of_many_says_how_many_there_are() -> None:
    many = [replace(THEIRS, id=f"S{n}") for n in range(100)]
    made = schedules(many, {one.id for one in many})
    assert_message(made)
    assert f"and {100 - LISTED} more schedules" in words(made)
    assert "Nothing is started by the clock" in schedules([], ()).text


@pytest.mark.parametrize("run", [long_run(), with_approval(outage(), asked())], ids=range(2))
def test_every_report_is_taken(run: RunRecord) -> None:
    over: Any = {"status": "finished", "ended_at": after(900)}
    ways: Any = (("once", ""), ("on change", ""), ("on change", "K3PQ"))
    for speaks, schedule in ways:
        turns = tuple(
            turned(key, "bad", concern=f"organization {n}", says="stale " * 50)
            for key in run.steps
            for n in range(40)
        )
        outline = replace(run.outline, speaks=speaks)
        assert_message(
            report(replace(run, outline=outline, news=turns, schedule=schedule, **over))
        )


def hostile_news(malice: str) -> tuple[Turn, ...]:
    hows: tuple[Turned, ...] = ("bad", "good", "lost", "known", "unsure")
    named: dict[str, Any] = {"says": malice, "told_in": malice, "told_by": malice}
    named |= {"told_at": after(0), "until": after(60)}
    return tuple(
        turned(step, how, concern=concern, **named)
        for step in ("services", "vendors")
        for how in hows
        for concern in ("", malice)
    )


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_was_found_mentions_links_or_formats(malice: str) -> None:
    run = hostile_run(malice)
    over: Any = {"status": "finished", "ended_at": after(900), "news": hostile_news(malice)}
    shown: list[Rendered] = []
    for speaks in ("once", "on change"):
        outline = replace(run.outline, speaks=speaks, severity=malice)
        shown.append(report(replace(run, outline=outline, schedule=malice, **over)))
    record = ScheduleRecord(
        malice, malice, {malice: malice, "x": [malice]}, Cron(malice, malice),
        Origin(malice, malice), malice, after(0), after(0), malice, malice, malice,
        LastRun(malice, after(0), "finished", "problem"),
    )  # fmt: skip
    going = replace(record, paused_at=None)
    shown += [schedules([record, going], {malice}), schedules([record], ())]
    wrong = Trouble(malice, malice, malice, malice, after(0), malice, is_paused=True)
    shown += [trouble(wrong), trouble(replace(wrong, by="", is_paused=False))]
    for one in shown:
        assert_inert(one)
