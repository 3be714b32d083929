"""
response_urls: an interaction's own address, good for five answers within thirty minutes.
"""

import secrets
from dataclasses import dataclass

from sandbox.slack.clock import Clock
from sandbox.slack.wire import Failure

USES = 5
LIVES_S = 1800


@dataclass
class ResponseUrl:
    token: str
    channel_id: str
    user_id: str
    expires_at: float
    message_ts: str | None = None  #: The message whose button was pressed; None: a command.
    ephemeral: bool = False  #: Whether that message is one only the person sees.
    used: int = 0


class ResponseUrls:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_token: dict[str, ResponseUrl] = {}

    def new(
        self, channel_id: str, user_id: str, message_ts: str | None = None, ephemeral: bool = False
    ) -> ResponseUrl:
        token = secrets.token_urlsafe(18)
        expires_at = self._clock.now() + LIVES_S
        address = ResponseUrl(token, channel_id, user_id, expires_at, message_ts, ephemeral)
        self._by_token[token] = address
        return address

    def use(self, token: str) -> ResponseUrl:
        """One use of the address. Raises Failure when it is spent, too old or was never given."""
        address = self._by_token.get(token)
        if address is None or self._clock.now() > address.expires_at:
            raise Failure("expired_url")
        if address.used >= USES:
            raise Failure("used_url")
        address.used += 1
        return address
