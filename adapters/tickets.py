"""
Follow-up tickets: issues at GitHub or Jira; with no tracker, a list in the run's channel.

Every ticket carries a mark of its run, and is found again by it. Neither tracker has an
idempotency key, so one whose answer was lost is looked for and never simply made again.
"""

import base64
import re
import shlex
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime, Field

from adapters.http_calls import Answer, HttpCalls, Query
from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Key, Seen, pair
from bot.runbook.errors import BookError, Unreachable
from bot.runbook.mrkdwn import inert
from bot.secrets.vault import Credential
from bot.settings import TicketSettings

LABEL = "runbook-bot"
LONGEST_TITLE = 250  #: GitHub takes 256 characters, Jira 255.
PAGE, MOST_PAGES = 100, 10
#: GitHub takes 65,536 characters, Jira 32,767; and what is said in the run's channel.
LONGEST_TEXT, LONGEST_SAID = 30_000, 2_000
REPOSITORY = re.compile(r"(?!\.{1,2}/)([\w.-]{1,100})/(?!\.{1,2}$)([\w.-]{1,100})", re.ASCII)
#: How far the tracker's clock and ours may be apart.
CLOCKS_APART = timedelta(minutes=2)


class Room(Protocol):
    """The run's channel. What is said under an `op` is said once. Texts are Slack's mrkdwn."""

    async def say(
        self, op: str, run: str, text: str, *, not_before: datetime | None = None
    ) -> None: ...

    async def state(self, op: str) -> Literal["absent", "queued", "delivered", "dead"]: ...


class CreateTicket(Change):
    effect = CHANGE
    ours = True

    run: str
    number: int = Field(ge=1)  #: Which of the run's tickets it is, from 1.
    since: AwareDatetime  #: When the run was started: an older ticket cannot be its own.
    title: str = Field(min_length=1)
    text: str = ""

    def target(self) -> str:
        return f"tickets/{self.run}/{self.number}"

    def command(self) -> str:
        return f"create ticket {shlex.quote(plain(self.title))}"

    @property
    def mark(self) -> str:
        """What only this ticket has in its text."""
        return f"runbook-run:{self.run}/{self.number}"

    @property
    def short_title(self) -> str:
        return plain(self.title, LONGEST_TITLE) or f"Follow-up {self.number} of run {self.run}"


class Tracker(Protocol):
    async def find(self, change: CreateTicket) -> str | None:
        """What the ticket is called there, such as `#42`. Raises Unreachable."""

    async def create(self, change: CreateTicket) -> None: ...


class Tickets(Adapter):
    """Raises BookError when the settings name a tracker and not where or as whom to use it."""

    def __init__(
        self,
        calls: HttpCalls,
        settings: TicketSettings,
        room: Room,
        token: Credential | None,
    ) -> None:
        self._room, self._tracker = room, _tracker(calls, settings, token)

    async def _see(self, change: CreateTicket) -> Seen:
        if self._tracker is None:
            return await self._see_listed(change)
        name = await self._tracker.find(change)
        if name is None:
            return Seen("before", f'There is no ticket "{plain(change.title)}" of this run')
        return Seen("applied", f"Ticket {name} is made")

    async def _see_listed(self, change: CreateTicket) -> Seen:
        state = await self._room.state(change.target())
        if state == "absent":
            return Seen("before", "It is not listed in the channel")
        if state == "dead":
            return Seen("unreadable", "Slack refused to list it: note it yourself")
        if state == "queued":
            return Seen("applying", "It is on its way to the channel")
        return Seen("applied", "It is listed in the channel")

    async def _create(self, change: CreateTicket, key: Key) -> None:
        if self._tracker is not None:
            return await self._tracker.create(change)
        lines = [f"*Follow-up {change.number}:* {inert(change.short_title)}"]
        if change.text:
            lines.append(inert(_seen(change.text)[:LONGEST_SAID]))
        await self._room.say(change.target(), change.run, "\n".join(lines))

    alters = (
        pair(
            CreateTicket,
            observe=_see,
            apply=_create,
            permissions=("GitHub: Issues, read and write", "Jira: Browse projects, Create issues"),
        ),
    )


class GitHub:
    """
    Issues are listed by time and not by label: GitHub silently drops the labels of whoever may
    not push. The list is current, which GitHub's search is not.
    """

    def __init__(self, calls: HttpCalls, settings: TicketSettings, token: Credential) -> None:
        if not REPOSITORY.fullmatch(settings.project):
            raise BookError("settings: tickets.project for GitHub is owner/repository")
        self._url = f"{settings.api_url.rstrip('/')}/repos/{settings.project}/issues"
        self._calls, self._token = calls, token

    async def find(self, change: CreateTicket) -> str | None:
        async for issue in self._since(change.since - CLOCKS_APART):
            lines = str(issue.get("body") or "").split()
            is_marked = lines[-1:] == [change.mark]  # Above it stands other people's text.
            if is_marked and _is_since("GitHub", issue.get("created_at"), change):
                return f"#{plain(issue.get('number'), 20)}"
        return None

    async def create(self, change: CreateTicket) -> None:
        text = f"{_fenced(change.text)}\n\n{change.mark}" if change.text else change.mark
        body = {"title": change.short_title, "body": text, "labels": [LABEL]}

        async def write(token: str) -> Answer:
            return await self._calls.write("GitHub", self._url, body, _github_headers(token))

        await self._token.use(write)

    async def _since(self, moment: datetime) -> AsyncIterator[Mapping[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            issues = await self._page(page, moment)
            for issue in issues:
                yield issue
            if len(issues) < PAGE:
                return
        raise Unreachable(
            f"GitHub has more than {PAGE * MOST_PAGES} issues since the run was started; the"
            " ticket was not found among these. Look for it yourself"
        )

    async def _page(self, number: int, moment: datetime) -> list[Mapping[str, Any]]:
        query = [
            ("state", "all"),
            ("since", f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"),
            ("sort", "created"),
            ("direction", "desc"),
            ("per_page", str(PAGE)),
            ("page", str(number)),
        ]

        async def read(token: str) -> Answer:
            return await self._calls.read("GitHub", self._url, query, _github_headers(token))

        content = (await self._token.use(read)).json()
        if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
            raise Unreachable("GitHub answered without a list of issues")
        return content


class Jira:
    """Issues are found by a label. Jira's search may be some seconds behind."""

    def __init__(self, calls: HttpCalls, settings: TicketSettings, token: Credential) -> None:
        if not settings.project.isalnum() or not settings.user:
            raise BookError(
                "settings: for Jira, tickets.project is a project's key, and tickets.user is set"
            )
        self._calls, self._project = calls, settings.project
        self._user, self._token = settings.user, token
        self._url = f"{settings.api_url.rstrip('/')}/rest/api/3"

    async def find(self, change: CreateTicket) -> str | None:
        of_it = f"project = {_quoted(self._project)} AND labels = {_quoted(change.mark)}"
        jql = f"{of_it} ORDER BY created DESC"
        query: Query = [("jql", jql), ("fields", "created"), ("maxResults", "1")]
        url = f"{self._url}/search/jql"

        async def read(token: str) -> Answer:
            return await self._calls.read("Jira", url, query, self._headers(token))

        content = (await self._token.use(read)).json()
        issues = content.get("issues") if isinstance(content, dict) else None
        if not isinstance(issues, list) or not all(_is_issue(one) for one in issues):
            raise Unreachable("Jira answered without a list of issues")
        ours = (one for one in issues if _is_since("Jira", one["fields"].get("created"), change))
        return next((plain(one["key"], 40) for one in ours), None)

    async def create(self, change: CreateTicket) -> None:
        lines = [*_seen(change.text).split("\n"), change.mark]
        paragraphs = [_paragraph(line) for line in lines if line.strip()]
        fields = {
            "project": {"key": self._project},
            "issuetype": {"name": "Task"},
            "summary": change.short_title,
            "description": {"type": "doc", "version": 1, "content": paragraphs},
            "labels": [LABEL, change.mark],
        }
        url, body = f"{self._url}/issue", {"fields": fields}

        async def write(token: str) -> Answer:
            return await self._calls.write("Jira", url, body, self._headers(token))

        await self._token.use(write)

    def _headers(self, token: str) -> dict[str, str]:
        known = base64.b64encode(f"{self._user}:{token}".encode()).decode()
        return {"authorization": f"Basic {known}", "accept": "application/json"}


def _github_headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }


def _tracker(
    calls: HttpCalls, settings: TicketSettings, token: Credential | None
) -> Tracker | None:
    if settings.tracker == "none":
        return None
    if token is None:
        raise BookError(
            f"settings: tickets.token is not set, and tickets.tracker is {settings.tracker}"
        )
    made = GitHub if settings.tracker == "github" else Jira
    return made(calls, settings, token)


def _is_since(who: str, made_at: object, change: CreateTicket) -> bool:
    """An older one is of a run before ours whose id was the same, as after a lost store."""
    try:
        return datetime.fromisoformat(str(made_at)) >= change.since - CLOCKS_APART
    except (ValueError, TypeError):
        raise Unreachable(f"{who} answered without saying when an issue was made") from None


def _is_issue(one: object) -> bool:
    return isinstance(one, dict) and "key" in one and isinstance(one.get("fields"), dict)


def _fenced(text: str) -> str:
    """
    As code, in which GitHub reads nothing: it would find mentions, issues and emoji also in text
    whose marks are escaped. The fence is longer than any within.
    """
    seen = _seen(text)
    longest = max((len(run) for run in re.findall("`+", seen)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{seen}\n{fence}"


def _seen(text: str) -> str:
    """What can be seen of it, line by line, and no more than both trackers take."""
    lines = (plain(line, LONGEST_TEXT) for line in text[:LONGEST_TEXT].splitlines())
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A string of JQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _paragraph(line: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": line}]}
