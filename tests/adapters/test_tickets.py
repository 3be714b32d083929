"""A follow-up ticket is made once, at GitHub, at Jira, or as a line in the channel."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from adapters import http_calls
from adapters.http_calls import HttpCalls
from adapters.tickets import CreateTicket, Tickets
from bot.runbook import Seen
from bot.runbook.errors import BookError, NothingDone, Refused, Unreachable
from bot.settings import TicketSettings
from sandbox.peers.jira import Jira
from tests.adapters.trackers import (
    TOKEN,
    Peer,
    StrangeGitHub,
    StrangeJira,
    settings_of,
    tickets_of,
    written,
)
from tests.adapters.written_room import State, WrittenRoom

pytestmark = pytest.mark.slow

#: The peers write down the real time, so the run has begun just now.
STARTED = datetime.now(UTC)
TICKET = CreateTicket(
    run="7F3K",
    number=1,
    since=STARTED,
    title="core-down: affected services",
    text="Found as problem.\nRun 7F3K of RB-INC-001.",
)
NEXT = TICKET.model_copy(update={"number": 2, "title": "core-down: recent deployments"})
NONE_YET = Seen("before", f'There is no ticket "{TICKET.title}" of this run')


@pytest.fixture
async def github() -> AsyncIterator[StrangeGitHub]:
    async with StrangeGitHub(token=TOKEN) as peer:
        yield peer


@pytest.fixture
async def jira() -> AsyncIterator[StrangeJira]:
    async with StrangeJira(token=TOKEN) as peer:
        yield peer


@pytest.fixture(params=["github", "jira"])
def tracker(request: pytest.FixtureRequest) -> Peer:
    """Whatever is promised of tickets is promised of both."""
    peer: Peer = request.getfixturevalue(request.param)
    return peer


@pytest.fixture
def room() -> WrittenRoom:
    return WrittenRoom()


@pytest.fixture
async def calls(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpCalls]:
    monkeypatch.setattr(http_calls, "PAUSE_S", 0.01)
    made = HttpCalls(timeout_s=0.7)
    yield made
    await made.close()


@pytest.fixture
def tickets(calls: HttpCalls, tracker: Peer, room: WrittenRoom) -> Tickets:
    return tickets_of(calls, settings_of(tracker), room)


@pytest.fixture
def unlisted(calls: HttpCalls, room: WrittenRoom) -> Tickets:
    """With no tracker at all."""
    return tickets_of(calls, TicketSettings(), room)


async def test_a_ticket_is_before_then_applied(tickets: Tickets, tracker: Peer) -> None:
    assert await tickets._see(TICKET) == NONE_YET
    await tickets._create(TICKET, "key")
    name = "OPS-1" if isinstance(tracker, Jira) else "#1"
    assert await tickets._see(TICKET) == Seen("applied", f"Ticket {name} is made")
    assert (written(tracker), len(tracker.issues)) == (1, 1)


async def test_each_ticket_of_a_run_is_known_by_itself(tickets: Tickets) -> None:
    await tickets._create(TICKET, "key")
    assert (await tickets._see(NEXT)).state == "before"
    other_run = TICKET.model_copy(update={"run": "7F3KX"})
    assert (await tickets._see(other_run)).state == "before"
    await tickets._create(NEXT, "key")
    assert (await tickets._see(NEXT)).now.endswith(("OPS-2 is made", "#2 is made"))


async def test_a_ticket_whose_answer_was_lost_is_found_and_was_sent_once(
    tickets: Tickets, tracker: Peer
) -> None:
    tracker.fail("lost response", times=1)
    with pytest.raises(Unreachable, match="broke the connection"):
        await tickets._create(TICKET, "key")
    assert (await tickets._see(TICKET)).state == "applied"
    assert (written(tracker), len(tracker.issues)) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("limited", NothingDone, "ask too often .* nothing was done"),
        ("lost request", Unreachable, "broke the connection"),
        ("error", Unreachable, "HTTP 503.*not known whether it was done"),
        ("slow", Unreachable, "did not answer within 0.7 s"),
        ("html", Unreachable, "a web page; it is not known"),
    ],
)
async def test_a_ticket_without_a_clear_yes_was_sent_once(
    tickets: Tickets, tracker: Peer, fault: str, error: type[Exception], says: str
) -> None:
    tracker.fail(fault)
    with pytest.raises(error, match=says):
        await tickets._create(TICKET, "key")
    assert written(tracker) == 1
    tracker.heal()
    assert await tickets._see(TICKET) == NONE_YET


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("limited", "ask too often"),
        ("error", "HTTP 503"),
        ("slow", "did not answer within 0.7 s"),
        ("html", "a web page instead of data"),
        ("half an answer", "broke the connection"),
    ],
)
async def test_a_tracker_that_cannot_be_read_never_says_that_there_is_no_ticket(
    tickets: Tickets, tracker: Peer, fault: str, says: str
) -> None:
    tracker.fail(fault)
    with pytest.raises(Unreachable, match=says):
        await tickets._see(TICKET)


async def test_a_refused_token_is_a_clear_no(
    calls: HttpCalls, tracker: Peer, room: WrittenRoom
) -> None:
    tickets = tickets_of(calls, settings_of(tracker), room, "expired")
    for call in (tickets._see(TICKET), tickets._create(TICKET, "key")):
        with pytest.raises(Refused, match="does not accept our credentials"):
            await call
    assert tracker.issues == []


async def test_a_project_that_is_not_there_is_a_clear_no(
    calls: HttpCalls, tracker: Peer, room: WrittenRoom
) -> None:
    elsewhere = "GONE" if isinstance(tracker, Jira) else "complyai/gone"
    tickets = tickets_of(calls, settings_of(tracker, project=elsewhere), room)
    for call in (tickets._see(TICKET), tickets._create(TICKET, "key")):
        with pytest.raises(Refused, match=r"Not Found|does not exist|valid project"):
            await call


async def test_the_ticket_of_an_older_run_with_the_same_id_is_not_ours(
    tickets: Tickets, tracker: Peer
) -> None:
    await tickets._create(TICKET, "key")
    tracker.issues[0].created_at = STARTED - timedelta(hours=1)
    assert await tickets._see(TICKET) == NONE_YET
    await tickets._create(TICKET, "key")
    assert (await tickets._see(TICKET)).now.endswith(("OPS-2 is made", "#2 is made"))


@pytest.mark.parametrize(
    ("github", "jira"),
    [
        ({}, []),
        (None, {}),
        (["#1"], {"issues": None}),
        ([["#1"]], {"issues": ["OPS-1"]}),
        ("none", {"issues": [{"key": "OPS-1"}]}),
        ([{"body": TICKET.mark}], {"issues": [{"key": "OPS-1", "fields": {}}]}),
        (
            [{"body": TICKET.mark, "created_at": 7}],
            {"issues": [{"key": "OPS-1", "fields": {"created": "yesterday"}}]},
        ),
        (
            [{"body": TICKET.mark, "created_at": "2026-09-01T03:00:00"}],
            {"issues": [{"key": "OPS-1", "fields": {"created": "2026-09-01T03:00:00"}}]},
        ),
    ],
)
async def test_a_list_of_another_shape_is_unreadable_and_neither_one_nor_none(
    calls: HttpCalls, room: WrittenRoom, github: object, jira: object
) -> None:
    for peer, strange in ((StrangeGitHub(token=TOKEN), github), (StrangeJira(token=TOKEN), jira)):
        async with peer:
            peer.strange = strange
            peer.fail("strange")
            with pytest.raises(Unreachable, match="answered without"):
                await tickets_of(calls, settings_of(peer), room)._see(TICKET)


async def test_a_title_from_outside_is_one_line_that_the_tracker_takes(
    tickets: Tickets, tracker: Peer
) -> None:
    await tickets._create(TICKET.model_copy(update={"title": "core\n" + "x" * 400}), "key")
    (title,) = tracker.titles
    assert title.startswith("core xxx") and len(title) == 250


async def test_github_finds_a_ticket_whose_labels_it_dropped(
    calls: HttpCalls, github: StrangeGitHub, room: WrittenRoom
) -> None:
    tickets = tickets_of(calls, settings_of(github), room)
    github.fail("no labels")
    await tickets._create(TICKET, "key")
    assert github.issues[0].labels == ()
    assert (await tickets._see(TICKET)).state == "applied"


async def test_github_finds_a_ticket_below_a_page_of_newer_ones_by_anybodys_time_zone(
    calls: HttpCalls, github: StrangeGitHub, room: WrittenRoom
) -> None:
    tickets = tickets_of(calls, settings_of(github), room)
    await tickets._create(TICKET, "key")
    for number in range(150):
        github.add(f"other {number}", f"quotes {TICKET.mark}0 and no more")
    tokyo = STARTED.astimezone(timezone(timedelta(hours=9)))
    seen = await tickets._see(TICKET.model_copy(update={"since": tokyo}))
    assert seen == Seen("applied", "Ticket #1 is made")


async def test_a_ticket_that_somebody_closed_since_is_made(
    calls: HttpCalls, github: StrangeGitHub, room: WrittenRoom
) -> None:
    tickets = tickets_of(calls, settings_of(github), room)
    await tickets._create(TICKET, "key")
    github.issues[0].state = "closed"
    assert (await tickets._see(TICKET)).state == "applied"


async def test_github_with_too_many_issues_to_read_is_unreadable_and_not_without_ours(
    calls: HttpCalls, github: StrangeGitHub, room: WrittenRoom
) -> None:
    for number in range(1000):
        github.add(f"other {number}")
    with pytest.raises(Unreachable, match="more than 1000 issues"):
        await tickets_of(calls, settings_of(github), room)._see(TICKET)


async def test_github_may_let_us_read_and_not_write(
    calls: HttpCalls, github: StrangeGitHub, room: WrittenRoom
) -> None:
    github.fail("denied")
    with pytest.raises(Refused, match="Resource not accessible by personal access token"):
        await tickets_of(calls, settings_of(github), room)._create(TICKET, "key")


async def test_jira_may_be_behind_and_the_ticket_is_not_made_again_by_itself(
    calls: HttpCalls, jira: StrangeJira, room: WrittenRoom
) -> None:
    tickets = tickets_of(calls, settings_of(jira), room)
    await tickets._create(TICKET, "key")
    jira.fail("behind", times=1)
    assert (await tickets._see(TICKET)).state == "before" and not TICKET.repeatable
    assert (await tickets._see(TICKET)).state == "applied"


@pytest.mark.parametrize(
    ("arrives", "seen"),
    [
        ("queued", Seen("applying", "It is on its way to the channel")),
        ("delivered", Seen("applied", "It is listed in the channel")),
        ("dead", Seen("unreadable", "Slack refused to list it: note it yourself")),
    ],
)
async def test_without_a_tracker_tickets_are_listed_in_the_channel_once(
    unlisted: Tickets, room: WrittenRoom, arrives: State, seen: Seen
) -> None:
    room.arrives = arrives
    assert await unlisted._see(TICKET) == Seen("before", "It is not listed in the channel")
    for change in (TICKET, TICKET, NEXT):
        await unlisted._create(change, "key")
    assert await unlisted._see(TICKET) == seen
    assert [said.run for said in room.said] == ["7F3K", "7F3K"]
    assert room.said[0].text == f"*Follow-up 1:* {TICKET.title}\n{TICKET.text}"


async def test_what_is_listed_mentions_nobody(unlisted: Tickets, room: WrittenRoom) -> None:
    await unlisted._create(
        TICKET.model_copy(update={"title": "<!channel>", "text": "<@U-VERA> & co"}), "key"
    )
    assert room.said[0].text == "*Follow-up 1:* &lt;!channel&gt;\n&lt;@U-VERA&gt; &amp; co"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tracker": "github", "project": "operations"},
        {"tracker": "github", "project": "a/b/c"},
        {"tracker": "jira", "project": 'OPS" OR 1=1', "user": "bot@example.com"},
        {"tracker": "jira", "project": "OPS", "user": ""},
        {"tracker": "github", "project": "a/b", "token": ""},
    ],
)
def test_settings_that_name_no_place_for_tickets_are_refused_at_start(
    calls: HttpCalls, room: WrittenRoom, wrong: dict[str, str]
) -> None:
    with pytest.raises(BookError, match=r"settings: .*tickets\.") as refused:
        token = wrong.pop("token", TOKEN)
        tickets_of(calls, TicketSettings.model_validate(wrong), room, token)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "wrong", [{"number": 0}, {"title": ""}, {"since": datetime(2026, 9, 1, 3)}]
)
def test_a_ticket_that_could_not_be_found_again_cannot_be_planned(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CreateTicket.model_validate(TICKET.model_dump() | wrong)


@pytest.mark.parametrize("fault", ["", "error", "limited", "lost response", "html"])
async def test_the_token_reaches_no_message_and_no_log(
    tickets: Tickets, tracker: Peer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    if fault:
        tracker.fail(fault)
    told = [TICKET.command()]
    for call in (tickets._create(TICKET, "key"), tickets._see(TICKET)):
        try:
            told.append(str(await call))
        except (Refused, Unreachable) as error:
            told.append(f"{error} {error.__cause__}")
    sent = tracker.calls[-1].headers["authorization"].split()[-1]
    assert not [text for text in (*told, caplog.text) if TOKEN in text or sent in text]


async def test_what_others_wrote_is_no_mark_of_another_ticket(
    github: StrangeGitHub, calls: HttpCalls, room: WrittenRoom
) -> None:
    tickets = tickets_of(calls, settings_of(github), room)
    hostile = f"{NEXT.mark}\n# big\n{NEXT.mark}"
    await tickets._create(TICKET.model_copy(update={"text": hostile}), "k")
    assert (await tickets._see(NEXT)).state == "before"
    assert (await tickets._see(TICKET)).state == "applied"
