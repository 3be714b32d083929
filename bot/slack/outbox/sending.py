"""
Hands one delivery to Slack, by its kind. One attempt; what became of it is an outcome.

Every message carries its op id in its metadata: that is how it is found again when the answer is
lost.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bot.slack.calls import Answer, Calls
from bot.slack.outbox.files import Files
from bot.slack.outbox.routing import Route
from bot.slack.outbox.verdicts import (
    BAD_BLOCKS,
    Arrived,
    Elsewhere,
    Outcome,
    Refusal,
    outcome_of,
)
from bot.store.delivering import Sent

Payload = Mapping[str, Any]
EVENT_TYPE = "runbook_bot_delivery"
#: chat.update refuses a longer text; chat.postMessage cuts above 40,000.
LONGEST_EDIT, LONGEST_POST = 4_000, 40_000
PEOPLE_PER_INVITE = 100
LONGEST_TOPIC = 250


class Sender:
    """`now` in seconds since the epoch. Raises what Calls raises."""

    def __init__(self, calls: Calls, files: Files, now: Callable[[], float]) -> None:
        self._calls, self._files, self._now = calls, files, now

    async def send(self, route: Route, payload: Payload) -> Outcome:
        match route.row.kind:
            case "message":
                return await self._message(route, payload)
            case "file":
                return await self._files.send(route, payload)
            case "ephemeral":
                return await self._ephemeral(route, payload)
            case "invite":
                return await self._invite(route, payload)
            case "pin":
                return await self._pin(route)
            case "topic" | "purpose" as what:
                method = (
                    "conversations.setTopic" if what == "topic" else "conversations.setPurpose"
                )
                text = {what: str(payload[what])[:LONGEST_TOPIC]}
                return await self._do(method, channel=route.channel, **text)
            case "bookmark":
                bookmark = {"title": payload["title"], "type": "link", "link": payload["link"]}
                return await self._do("bookmarks.add", channel_id=route.channel, **bookmark)

    async def _message(self, route: Route, payload: Payload) -> Outcome:
        method, said = _as_call(route, payload)
        answer = await self._calls.call(method, **said)
        error = str(answer.get("error", ""))
        if error == "not_in_channel" and await self._join(route.channel):
            answer = await self._calls.call(method, **said)
        elif error in BAD_BLOCKS:
            answer = await self._calls.call(method, **(said | {"blocks": []}))
        if not answer["ok"]:
            return outcome_of(method, str(answer.get("error", "")))
        note = f"without its blocks: {error}" if error in BAD_BLOCKS else None
        return Arrived(self._where(route, answer), note)

    def _where(self, route: Route, answer: Answer) -> Sent:
        return Sent(str(answer["channel"]), str(answer["ts"]), route.thread_ts, self._now())

    async def _join(self, channel: str) -> bool:
        return bool((await self._calls.call("conversations.join", channel=channel))["ok"])

    async def _ephemeral(self, route: Route, payload: Payload) -> Outcome:
        return await self._do(
            "chat.postEphemeral",
            channel=route.channel,
            user=payload["user"],
            text=str(payload["text"]),
            blocks=payload.get("blocks") or None,
            thread_ts=route.thread_ts,
        )

    async def _invite(self, route: Route, payload: Payload) -> Outcome:
        """Those who cannot be invited do not keep the others out."""
        users = [str(user) for user in payload["users"]]
        outcome: Outcome = Arrived()
        for start in range(0, len(users), PEOPLE_PER_INVITE):
            some = ",".join(users[start : start + PEOPLE_PER_INVITE])
            outcome = await self._do(
                "conversations.invite", channel=route.channel, users=some, force=True
            )
            if not isinstance(outcome, Arrived):
                return outcome
        return outcome

    async def _pin(self, route: Route) -> Outcome:
        if route.ts is None:
            return Refusal("the message to pin was never sent")
        return await self._do("pins.add", channel=route.channel, timestamp=route.ts)

    async def _do(self, method: str, **arguments: Any) -> Outcome:
        """Something that is not a message. Where it cannot be done, it is not done elsewhere."""
        answer = await self._calls.call(method, **arguments)
        if answer["ok"]:
            return Arrived()
        outcome = outcome_of(method, str(answer.get("error", "")))
        return Refusal(outcome.why) if isinstance(outcome, Elsewhere) else outcome


def _as_call(route: Route, payload: Payload) -> tuple[str, dict[str, Any]]:
    said: dict[str, Any] = {
        "channel": route.channel,
        "blocks": list(payload.get("blocks") or []),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"op": route.row.id}},
    }
    text = str(payload["text"])
    if route.is_edit:
        return "chat.update", said | {"ts": route.ts, "text": _cut(text, LONGEST_EDIT)}
    return "chat.postMessage", said | {
        "text": _cut(text, LONGEST_POST),
        "thread_ts": route.thread_ts,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
