"""
The part of Slack that the outbox calls, in memory: the same port as bot.slack.calls.Calls.

Answers can be lost before or after the call took effect, and methods limited or refused, one call
at a time, or by a rule. Its clock is right whatever ours says. The whole workspace over HTTP is in
sandbox/slack.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.runbook.errors import Refused
from bot.slack.calls import Answer, Calls, Limited, Lost, NotSent

Mishap = Literal["lost before", "lost after", "not sent", "limited"]
Message = dict[str, Any]
#: What a call meets, by its method and arguments; None: nothing special.
Rule = Callable[[str, Message], Mishap | str | None]
START = 1_700_000_000.0


@dataclass
class SmallSlack(Calls):
    timeout_s: float = 10.0
    messages: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    mishaps: dict[str, list[Mishap | str]] = field(default_factory=lambda: defaultdict(list))
    rule: Rule | None = None  #: For calls that no mishap is meant for.
    now: Callable[[], float] = lambda: START
    closed: dict[str, str] = field(default_factory=dict)  #: Channel -> the error it answers.
    pinned: list[str] = field(default_factory=list)
    topics: dict[str, str] = field(default_factory=dict)
    bookmarks: list[dict[str, Any]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    shows_shares: bool = True
    shared: list[tuple[str, str, str | None]] = field(default_factory=list)
    _next: int = 0

    def will(self, method: str, *mishaps: Mishap | str) -> None:
        """What the next calls of a method meet; a word that is no mishap is Slack's error."""
        self.mishaps[method] += mishaps

    def texts(self, channel: str) -> list[str]:
        return [message["text"] for message in self.messages[channel]]

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    async def call(self, method: str, **arguments: Any) -> Answer:
        given = {name: value for name, value in arguments.items() if value is not None}
        self.calls.append((method, given))
        mishap = self._mishap(method, given)
        if mishap == "not sent":
            raise NotSent("Slack cannot be reached")
        if mishap == "limited":
            raise Limited(method, 7.0)
        if mishap == "lost before":
            raise Lost("no answer")
        if mishap and mishap != "lost after":
            return {"ok": False, "error": mishap}
        channel = given.get("channel") or given.get("channel_id")
        if channel in self.closed:
            return {"ok": False, "error": self.closed[channel]}
        answer: Answer = getattr(self, "_" + method.replace(".", "_"))(**given)
        if mishap:
            raise Lost("no answer")
        return {"ok": True, **answer}

    async def upload(self, url: str, content: bytes) -> None:
        if mishap := self._mishap("upload", {}):
            raise NotSent(mishap) if mishap == "not sent" else Refused(mishap)
        self.uploads[url.removeprefix("https://files.example/")] = content

    def _mishap(self, method: str, given: Message) -> Mishap | str | None:
        if self.mishaps[method]:
            return self.mishaps[method].pop(0)
        return self.rule(method, given) if self.rule else None

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _chat_postMessage(self, channel: str, **message: Any) -> Answer:
        ts = f"{self.now():.0f}.{self._number():06d}"
        self.messages[channel].append(message | {"ts": ts})
        return {"channel": channel, "ts": ts}

    def _chat_update(self, channel: str, ts: str, **message: Any) -> Answer:
        for there in self.messages[channel]:
            if there["ts"] == ts:
                there.update(message)
                return {"channel": channel, "ts": ts}
        return {"ok": False, "error": "message_not_found"}

    def _chat_postEphemeral(self, **_: Any) -> Answer:
        return {"message_ts": "1.1"}

    def _conversations_history(self, channel: str, oldest: str, **_: Any) -> Answer:
        return {"messages": self._since(channel, oldest, None)}

    def _conversations_replies(self, channel: str, ts: str, oldest: str, **_: Any) -> Answer:
        return {"messages": self._since(channel, oldest, ts)}

    def _since(self, channel: str, oldest: str, thread_ts: str | None) -> list[Message]:
        there = (m for m in self.messages[channel] if m.get("thread_ts") == thread_ts)
        return [message for message in there if float(message["ts"]) >= float(oldest)]

    def _conversations_join(self, channel: str) -> Answer:
        return {"ok": False, "error": "method_not_supported_for_channel_type"}

    def _conversations_setTopic(self, channel: str, topic: str) -> Answer:
        self.topics[channel] = topic
        return {}

    def _conversations_invite(self, **_: Any) -> Answer:
        return {}

    def _pins_add(self, channel: str, timestamp: str) -> Answer:
        if timestamp in self.pinned:
            return {"ok": False, "error": "already_pinned"}
        self.pinned.append(timestamp)
        return {}

    def _bookmarks_add(self, channel_id: str, **bookmark: Any) -> Answer:
        self.bookmarks.append(bookmark)
        return {}

    def _bookmarks_list(self, channel_id: str) -> Answer:
        return {"bookmarks": self.bookmarks}

    def _files_getUploadURLExternal(self, **_: Any) -> Answer:
        file_id = f"F{self._number()}"
        return {"upload_url": f"https://files.example/{file_id}", "file_id": file_id}

    def _files_completeUploadExternal(
        self, files: list[dict[str, str]], channel_id: str, thread_ts: str | None = None
    ) -> Answer:
        if any(file["id"] in self.completed for file in files):
            return {"ok": False, "error": "file_not_found"}
        for file in files:
            self.completed.add(file["id"])
            self.shared.append((file["id"], channel_id, thread_ts))
        return {"files": files}

    def _files_info(self, file: str) -> Answer:
        if file not in self.completed:
            return {"ok": False, "error": "file_not_found"}
        shared = self.shared if self.shows_shares else []
        channels = [channel for one, channel, _ in shared if one == file]
        return {
            "file": {"id": file, "shares": {"public": {channel: [{}] for channel in channels}}}
        }
