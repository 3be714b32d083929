"""What people and systems say stays a text in everything that the bot writes elsewhere."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from adapters.calendar import Calendar, ScheduleMeeting, calendar_file
from adapters.http_calls import HttpCalls
from adapters.pager import Page
from adapters.plain import plain
from adapters.slack import CreateChannel
from adapters.slack.changes import LONGEST_TOPIC
from adapters.tickets import LONGEST_TEXT, CreateTicket, GitHub
from bot.runbook.errors import BookError, Refused, Unreachable
from bot.runbook.values import storable
from bot.settings import PagerSettings, TicketSettings
from tests.adapters.duty import API_TOKEN, ROUTING_KEY, Duty, changed, pager_of
from tests.adapters.test_calendar import MEETING, event_of, lines_of, text_of
from tests.adapters.trackers import TOKEN, StrangeGitHub, StrangeJira, settings_of, tickets_of
from tests.adapters.written_room import WrittenRoom
from tests.credentials import given
from tests.hostile import MALICE, MIXED
from tests.live import Live, live_in

AT = datetime.now(UTC)
every = pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
#: Of an event's whole body, in octets, says PagerDuty.
LARGEST_EVENT = 512 * 1024
LONGEST_GITHUB, LONGEST_JIRA = 65_536, 32_767


@pytest.fixture
def room() -> WrittenRoom:
    return WrittenRoom()


@pytest.fixture(scope="module")
def unused() -> HttpCalls:
    """Of which nothing is asked."""
    return HttpCalls(1)


# Calendar files.


def meeting(malice: str) -> ScheduleMeeting:
    more = {"title": malice or "-", "agenda": malice or "-", "run": malice}
    return ScheduleMeeting.model_validate(MEETING.model_dump() | more)


@every
def test_a_calendar_reads_one_event_of_ours_with_their_words_as_text(malice: str) -> None:
    file = calendar_file(meeting(malice))
    ours, theirs = (
        [line.split(":", 1)[0] for line in lines_of(one)] for one in (calendar_file(MEETING), file)
    )
    assert theirs == ours
    assert text_of(event_of(file)["SUMMARY"]) == plain(storable(malice or "-"))
    assert all(one in "\t" or one.isprintable() for line in lines_of(file) for one in line)


@every
async def test_a_reminder_mentions_whoever_leads_and_nobody_else(
    malice: str, room: WrittenRoom
) -> None:
    await Calendar(room)._schedule(meeting(malice), "key")
    first, second, *more = live_in(room.said[0].text)
    assert (first.kind, second) == ("date", Live("mention", "@U0ALICE"))
    assert [one.kind for one in more] in ([], ["bold"])  # Ours, round the title.
    assert room.attached[0].filename == "meeting.ics"
    assert not room.attached[0].title or room.attached[0].title.isprintable()


# The run's channel.


@every
def test_a_topic_is_one_line_and_a_purpose_ends_with_the_mark(malice: str) -> None:
    change = CreateChannel(name="x", run="9QQQ", since=AT, topic=malice, purpose=malice)
    for said in (change.whole_topic, change.whole_purpose):
        assert 0 < len(said) <= LONGEST_TOPIC
        assert said.isprintable()
    assert change.is_marked(change.whole_purpose)
    assert not change.model_copy(update={"run": "7F3K"}).is_marked(change.whole_purpose)


# Tickets.


def ticket(malice: str, **more: Any) -> CreateTicket:
    known = {"run": "7F3K", "number": 1, "since": AT, "title": malice or "-", "text": malice}
    return CreateTicket.model_validate(known | more)


@every
async def test_what_is_listed_in_the_channel_formats_and_mentions_nothing(
    malice: str, room: WrittenRoom, unused: HttpCalls
) -> None:
    await tickets_of(unused, TicketSettings(), room)._create(ticket(malice), "key")
    assert live_in(room.said[0].text) == [Live("bold", "Follow-up 1:")]
    assert len(room.said[0].text) < 2 * LONGEST_JIRA


def assert_nothing_is_read(body: str, mark: str) -> None:
    """All of it is one block of code, in which GitHub reads nothing; then our mark."""
    *block, empty, last = body.split("\n")
    assert (empty, last) == ("", mark)
    fence = block[0].removesuffix("text")
    assert re.fullmatch("`{3,}", fence)
    ends = [n for n, line in enumerate(block) if re.fullmatch(rf" {{0,3}}{fence}`*\s*", line)]
    assert ends == [len(block) - 1]


@pytest.mark.slow
async def test_a_ticket_at_github_is_a_text_in_which_nothing_is_read(room: WrittenRoom) -> None:
    async with StrangeGitHub(token=TOKEN) as peer:
        calls = HttpCalls(timeout_s=5)
        tickets = tickets_of(calls, settings_of(peer), room)
        for number, malice in enumerate(MALICE.values(), start=1):
            change = ticket(malice, number=number)
            await tickets._create(change, "key")
            issue = peer.issues[-1]
            assert len(issue.title) <= 250 and issue.title.isprintable()
            if malice:
                assert_nothing_is_read(issue.body, change.mark)
            assert len(issue.body) <= LONGEST_GITHUB
        assert (await tickets._see(change)).state == "applied"
        await calls.close()


@pytest.mark.slow
async def test_a_ticket_at_jira_is_paragraphs_of_text(room: WrittenRoom) -> None:
    async with StrangeJira(token=TOKEN) as peer:
        calls = HttpCalls(timeout_s=5)
        tickets = tickets_of(calls, settings_of(peer), room)
        for number, malice in enumerate(MALICE.values(), start=1):
            change = ticket(malice, number=number)
            await tickets._create(change, "key")
            issue = peer.issues[-1]
            nodes = [node for part in issue.description["content"] for node in part["content"]]
            assert {part["type"] for part in issue.description["content"]} == {"paragraph"}
            assert all(set(node) == {"type", "text"} for node in nodes)
            assert all(node["text"] and node["text"].isprintable() for node in nodes)
            assert nodes[-1]["text"] == change.mark
            assert sum(len(node["text"]) + 1 for node in nodes) <= LONGEST_JIRA
        assert (await tickets._see(change)).state == "applied"
        await calls.close()


STRING = r'"(?:[^"\\]|\\.)*"'


@pytest.mark.slow
async def test_what_is_looked_for_at_jira_is_two_strings(room: WrittenRoom) -> None:
    async with StrangeJira(token=TOKEN) as peer:
        calls = HttpCalls(timeout_s=5)
        tickets = tickets_of(calls, settings_of(peer), room)
        for malice in MIXED:
            with suppress(Refused, Unreachable):  # Jira has no such label.
                await tickets._see(ticket("x", run=malice[:500]))
            jql = peer.calls[-1].query["jql"]
            query = rf"project = {STRING} AND labels = {STRING} ORDER BY created DESC"
            assert re.fullmatch(query, jql, re.DOTALL), jql
        await calls.close()


@every
def test_a_project_of_the_settings_leads_to_its_issues_or_nowhere(
    malice: str, unused: HttpCalls
) -> None:
    settings = TicketSettings(tracker="github", project=malice)
    with pytest.raises(BookError):
        GitHub(unused, settings, given(TOKEN))


@pytest.mark.parametrize("project", ["../a", "a/..", "./a", "a/.", "a/b?c", "a/b#c", "a b/c", "/"])
def test_a_project_with_steps_in_it_is_refused(project: str, unused: HttpCalls) -> None:
    settings = TicketSettings(tracker="github", project=project)
    with pytest.raises(BookError):
        GitHub(unused, settings, given(TOKEN))


def test_an_ordinary_project_is_a_path_of_its_own(unused: HttpCalls) -> None:
    made = GitHub(unused, TicketSettings(project="a-b/c.d_e"), given(TOKEN))
    address = urlsplit(made._url)
    assert (address.netloc, address.path) == ("api.github.com", "/repos/a-b/c.d_e/issues")


# Pages.


@pytest.fixture
async def duty() -> AsyncIterator[Duty]:
    async with Duty(ROUTING_KEY, API_TOKEN) as peer:
        yield peer


@pytest.mark.slow
async def test_a_page_keeps_to_what_pagerduty_takes(duty: Duty, room: WrittenRoom) -> None:
    async with pager_of(duty, room) as pager:
        for malice in MALICE.values():
            page = Page(run="7F3K", since=AT, message=malice, services=(malice,) * 300)
            await pager._page(page, "key")
            sent = duty.calls[-1].body
            payload = sent["payload"]
            assert len(payload["summary"]) <= 1024 and payload["summary"].isprintable()
            assert 0 < len(payload["source"]) <= 255 and payload["source"].isprintable()
            assert len(sent["dedup_key"]) <= 255
            assert len(json.dumps(sent)) < LARGEST_EVENT


@pytest.mark.slow
async def test_a_page_in_the_channel_mentions_the_group_and_nobody_else(
    duty: Duty, room: WrittenRoom
) -> None:
    async with pager_of(duty, room) as pager:
        alone = changed(pager, routing_key="")
        for number, malice in enumerate(MALICE.values()):
            page = Page(run=f"{number}", since=AT, message=malice)
            await alone._page(page, "key")
            assert live_in(room.said[-1].text) == [Live("mention", "!subteam^S0ONCALL")]


@pytest.mark.parametrize("group", ["<!channel>", "S0ONCALL> <!channel", "here", "U0DANA"])
def test_only_a_group_can_be_the_group_that_is_mentioned(group: str) -> None:
    with pytest.raises(ValidationError):
        PagerSettings(on_call_group=group)


def test_the_longest_text_is_what_both_trackers_take() -> None:
    assert LONGEST_TEXT < LONGEST_JIRA < LONGEST_GITHUB
