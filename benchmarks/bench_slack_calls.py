"""
How many calls of Slack's Web API one RB-INC-001 takes, beside the least for what is shown.

In the whole sandbox, once with nothing wrong and once with a bad deployment that is rolled back;
people read for some seconds before they press. Counted is every call from the command to the end.

The least is counted in the same run, from what was really shown:
- messages: one post for each (every one has a name of its own);
- edits: one for the last revision of each message that did not stay as it was posted, and one for
  each earlier revision that stood for so long that people read and pressed what it had. What was
  edited again sooner could have waited for that. The last revisions alone are not enough: nobody
  can approve what the card does not show yet. They are printed too, as the last line;
- files: two calls for each, an address to upload to and the sharing of it;
- the channel: create, purpose, topic, invite, a pin and a bookmark, once each;
- who may: for each reading of it one call for the person and one for all groups;
- looks: one whether the bot may speak where the command was typed, one whether the channel is
  there already. Nothing else need be asked.
What is said over a response_url is not a call of the Web API, and what is asked once in the bot's
life (who it is itself) is not of a run: they are not counted.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.measuring import bot_in, median, print_table
from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack.api.dispatch import Logged
from sandbox.slack.workspace import Workspace
from tests.scenarios.stage import Incident, Person, until

AIM = 1.1
ROUNDS = 3
READS_S = 5.0  #: Seconds between what a person sees and what they press.
STOOD_S = 4.0  #: Seconds: a revision that stood for less need not have been.
QUIET_S = 8.0  #: Nothing more is called once this long nothing was.
CHANNEL = (
    "conversations.create",
    "conversations.setPurpose",
    "conversations.setTopic",
    "conversations.invite",
    "pins.add",
    "bookmarks.add",
)
FILES = ("files.getUploadURLExternal", "files.completeUploadExternal")
ONCE = "auth.test"
PEOPLE, GROUPS = ("users.info",), ("usergroups.list", "usergroups.users.list")


@dataclass(frozen=True)
class Timed:
    """A call, and when it was answered."""

    call: Logged
    at: float


@dataclass(frozen=True)
class Counts:
    """`by` what calls are for: the least, and those there were. `last`: of the least of edits."""

    by: Mapping[str, tuple[int, int]]
    last: int

    @property
    def least(self) -> int:
        return sum(least for least, _ in self.by.values())

    @property
    def made(self) -> int:
        return sum(made for _, made in self.by.values())

    @property
    def least_with_last_revisions(self) -> int:
        return self.least - self.by["edits"][0] + self.last


async def nothing_wrong(box: Box) -> None:
    room = await Person(box, "U0DANA").starts("RB-INC-001 brief_desc=false-alarm")
    await finish(box, room)


async def bad_deploy(box: Box) -> None:
    dana, ravi = Person(box, "U0DANA"), Person(box, "U0RAVI")
    await box.switch("bad-deploy", on=True)
    room = await dana.starts("RB-INC-001 brief_desc=bad-deploy")
    card = await room.offers(f"{names.PICK}:roll_back")
    await asyncio.sleep(READS_S)
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    await asyncio.sleep(READS_S)
    await ravi.presses(asked, room.channel, names.APPROVE)
    await room.offers(f"{names.UNDO}:roll_back")
    await finish(box, room)
    box.on.discard("bad-deploy")  # It was cured by the bot.


async def finish(box: Box, room: Incident) -> None:
    card = await room.offers(names.CLOSE)
    await asyncio.sleep(READS_S)
    await Person(box, "U0DANA").presses(card, room.channel, names.CLOSE)
    await room.says("FINISHED")
    await until(box, lambda: room.saying("Timeline of"))
    await quiet(box)


async def quiet(box: Box) -> None:
    before = -1
    while len(box.slack.calls) != before:
        before = len(box.slack.calls)
        await asyncio.sleep(QUIET_S)


def count(timed: Sequence[Timed]) -> Counts:
    calls = [one.call for one in timed if one.call.method != ONCE]
    by = Counter(call.method for call in calls)
    posts = {_name(call) for call in calls if call.method == "chat.postMessage"}
    readings = Counter((c.method, c.args.get("usergroup")) for c in calls if c.method in GROUPS)
    edits = [one for one in timed if one.call.method == "chat.update"]
    counted = {
        "messages": (len(posts), by["chat.postMessage"]),
        "edits": (edits_needed(edits), len(edits)),
        "files": (2 * by[FILES[1]], _sum(by, FILES)),
        "the channel": (len(CHANNEL), _sum(by, CHANNEL)),
        "who may": (
            _sum(by, PEOPLE) + max(readings.values(), default=0),
            _sum(by, PEOPLE + GROUPS),
        ),
    }
    looks = len(calls) - sum(made for _, made in counted.values())
    last = len({_name(one.call) for one in edits})
    return Counts(counted | {"looks": (2, looks)}, last)


def edits_needed(edits: Sequence[Timed]) -> int:
    """The last of each message, and those that stood."""
    shown_at: dict[str, list[float]] = {}
    for edit in edits:
        shown_at.setdefault(_name(edit.call), []).append(edit.at)
    stood = (b - a > STOOD_S for times in shown_at.values() for a, b in pairwise(times))
    return len(shown_at) + sum(stood)


@asynccontextmanager
async def timed_calls(slack: Workspace) -> AsyncIterator[list[Timed]]:
    """Every call there is within the block."""
    found: list[Timed] = []
    subscription = slack.team.changes.subscribe("U0DANA")

    async def note() -> None:
        while event := await subscription.events.get():
            if event["type"] == "call":
                found.append(Timed(slack.calls[before + len(found)], time.monotonic()))

    before = len(slack.calls)
    noting = asyncio.create_task(note())
    yield found
    slack.team.changes.unsubscribe(subscription)
    subscription.close()
    await noting


def _name(call: Logged) -> str:
    return str(call.args["metadata"]["event_payload"]["op"]).rsplit("#", 1)[0]


def _sum(by: Mapping[str, int], methods: Sequence[str]) -> int:
    return sum(by[method] for method in methods)


async def bench() -> None:
    paths: Mapping[str, Callable[[Box], Awaitable[None]]] = {
        "nothing wrong": nothing_wrong,
        "bad deployment, rolled back": bad_deploy,
    }
    found: dict[str, list[Counts]] = {name: [] for name in paths}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            box = Box(Path(folder))
            async with box.running(), bot_in(box):
                for name, path in paths.items():
                    async with timed_calls(box.slack) as calls:
                        await path(box)
                    found[name].append(count(calls))
    for name, rounds in found.items():
        report(name, rounds)


def report(name: str, rounds: Sequence[Counts]) -> None:
    rows = []
    for what in rounds[0].by:
        least, made = ([one.by[what][n] for one in rounds] for n in (0, 1))
        rows.append([what, f"{median(least):g}", f"{median(made):g}", ""])
    made = [one.made for one in rounds]
    rows.append(_all("all", [one.least for one in rounds], made))
    last = [one.least_with_last_revisions for one in rounds]
    rows.append(_all("all, of edits the last revisions alone", last, made))
    title = f"Slack calls of RB-INC-001, {name} (median of {len(rounds)}; aim: at most {AIM}x)"
    print_table(title, ["", "least", "calls", ""], rows)


def _all(words: str, least: Sequence[int], made: Sequence[int]) -> list[str]:
    ratio = median([ours / floor for floor, ours in zip(least, made, strict=True)])
    return [words, f"{median(least):g}", f"{median(made):g}", f"{ratio:.2f}x"]


if __name__ == "__main__":
    asyncio.run(bench())
