"""
How fast we may call Slack: a bucket of tokens per method, one per channel for posts, and a stop
for a method that Slack limits. Nothing waits here; it is told how long it would have to. Times are
by a clock that nobody sets.
"""

from dataclasses import dataclass, field

#: Calls per minute and workspace: the tiers of Slack's method reference (T2 20, T3 50, T4 100).
#: chat.postMessage is limited per channel; for the workspace Slack says "several hundred".
PER_MINUTE: dict[str, int] = {
    "chat.postMessage": 200,
    "chat.update": 50,
    "chat.postEphemeral": 100,
    "files.getUploadURLExternal": 100,
    "files.completeUploadExternal": 100,
    "files.info": 100,
    "conversations.setTopic": 20,
    "conversations.setPurpose": 20,
    "conversations.invite": 50,
    "conversations.join": 50,
    "conversations.info": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "pins.add": 20,
    "bookmarks.add": 20,
    "bookmarks.list": 50,
}
#: A burst takes this part of a minute's budget, and the rest comes evenly: never more than the
#: tier in any minute.
BURST = 0.2
#: Slack: one post a second per channel, "short bursts" allowed.
CHANNEL_PER_S, CHANNEL_BURST = 1.0, 3.0


#: One token, give or take what floating point loses.
ENOUGH = 1.0 - 1e-6


@dataclass
class Bucket:
    per_s: float
    size: float
    tokens: float
    at: float  #: When `tokens` was right.

    def wait_s(self, now: float) -> float:
        self._fill(now)
        return 0.0 if self.tokens >= ENOUGH else (1.0 - self.tokens) / self.per_s

    def take(self, now: float) -> None:
        self._fill(now)
        self.tokens -= 1.0

    def _fill(self, now: float) -> None:
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.per_s)
        self.at = now


@dataclass
class Gates:
    _methods: dict[str, Bucket] = field(default_factory=dict)
    _channels: dict[str, Bucket] = field(default_factory=dict)
    _stopped: dict[str, float] = field(default_factory=dict)

    def wait_s(self, methods: tuple[str, ...], channel: str | None, now: float) -> float:
        """Seconds until these may be called, all of them; `channel` when it is a post."""
        waits = [self._method(method, now).wait_s(now) for method in methods]
        waits += [self._stopped.get(method, now) - now for method in methods]
        if channel:
            waits.append(self._channel(channel, now).wait_s(now))
        return max(0.0, *waits)

    def take(self, methods: tuple[str, ...], channel: str | None, now: float) -> None:
        for method in methods:
            self._method(method, now).take(now)
        if channel:
            self._channel(channel, now).take(now)

    def stop(self, method: str, seconds: float, now: float) -> None:
        """Slack limits this method; the others go on."""
        self._stopped[method] = max(self._stopped.get(method, 0.0), now + seconds)

    def _method(self, method: str, now: float) -> Bucket:
        if method not in self._methods:
            a_minute = PER_MINUTE[method]
            size = max(1.0, a_minute * BURST)
            self._methods[method] = Bucket((a_minute - size) / 60, size, size, now)
        return self._methods[method]

    def _channel(self, channel: str, now: float) -> Bucket:
        if channel not in self._channels:
            self._channels[channel] = Bucket(CHANNEL_PER_S, CHANNEL_BURST, CHANNEL_BURST, now)
        return self._channels[channel]
