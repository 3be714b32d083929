"""
How many calls of Slack's Web API one RB-INC-001 takes, beside the least for what is shown.

In the whole sandbox, once with nothing wrong and once with a bad deployment that is rolled back;
people read for some seconds before they press. Counted is every call from the command to the end.

The least is counted in the same run, from what was really shown:
- messages: one post for each (every one has a name of its own);
- edits: one for each message that did not stay as it was posted (its last revision); for the card
  one for each state that stood for longer than the least time between two edits, as the run's
  events have it. A state that was over sooner need not be seen;
- files: two calls for each, an address to upload to and the sharing of it;
- the channel: create, purpose, topic, invite, a pin and a bookmark, once each;
- who may: for each reading of it one call for the person and one for all groups;
- looks: one whether the bot may speak where the command was typed, one whether the channel is
  there already. Nothing else need be asked.
What is said over a response_url is not a call of the Web API, and is not counted.
"""

import asyncio
import contextlib
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.measuring import bot_in, median, print_table
from bot.slack.outbox.scheduling import EDIT_GAP_S
from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack.api.dispatch import Logged
from tests.scenarios.stage import Incident, Person, until

AIM = 1.1
ROUNDS = 3
READS_S = 5.0  #: Seconds between what a person sees and what they press.
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
PEOPLE, GROUPS = ("users.info",), ("usergroups.list", "usergroups.users.list")

#: By what they are for: the least, and the calls there were.
Counts = Mapping[str, tuple[int, int]]


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


def count(calls: Sequence[Logged], moved_at: Sequence[float]) -> Counts:
    by = Counter(call.method for call in calls)
    edited = {_name(call) for call in calls if call.method == "chat.update"}
    others = sum(not name.endswith("/card") for name in edited)
    posts = {_name(call) for call in calls if call.method == "chat.postMessage"}
    readings = Counter((c.method, c.args.get("usergroup")) for c in calls if c.method in GROUPS)
    counted = {
        "messages": (len(posts), by["chat.postMessage"]),
        "edits": (states_seen(moved_at) + others, by["chat.update"]),
        "files": (2 * by[FILES[1]], _sum(by, FILES)),
        "the channel": (len(CHANNEL), _sum(by, CHANNEL)),
        "who may": (
            _sum(by, PEOPLE) + max(readings.values(), default=0),
            _sum(by, PEOPLE + GROUPS),
        ),
    }
    looks = len(calls) - sum(made for _, made in counted.values())
    return counted | {"looks": (2, looks)}


def states_seen(moved_at: Sequence[float]) -> int:
    """States of the run that stood long enough to be seen, the last one included."""
    return sum(after - before > EDIT_GAP_S for before, after in pairwise(moved_at)) + 1


def moves(store: Path) -> Sequence[float]:
    """When the newest run moved."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        newest = "select id from runs order by started_at desc limit 1"
        query = f"select at from events where run = ({newest}) order by at"
        return [at for (at,) in connection.execute(query)]


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
                    before = len(box.slack.calls)
                    await path(box)
                    moved_at = moves(Path(folder) / "runbook-bot.db")
                    found[name].append(count(box.slack.calls[before:], moved_at))
    for name, rounds in found.items():
        report(name, rounds)


def report(name: str, rounds: Sequence[Counts]) -> None:
    rows = []
    for what in rounds[0]:
        least, made = ([one[what][n] for one in rounds] for n in (0, 1))
        rows.append([what, f"{median(least):g}", f"{median(made):g}", ""])
    least, made = ([sum(pair[n] for pair in one.values()) for one in rounds] for n in (0, 1))
    ratio = median([ours / floor for floor, ours in zip(least, made, strict=True)])
    rows.append(["all", f"{median(least):g}", f"{median(made):g}", f"{ratio:.2f}x"])
    title = f"Slack calls of RB-INC-001, {name} (median of {len(rounds)}; aim: at most {AIM}x)"
    print_table(title, ["", "least", "calls", ""], rows)


if __name__ == "__main__":
    asyncio.run(bench())
