"""
What keeps a user out. Blocking ends no session and revokes no refresh token; ending those keeps
nobody from signing in again: block first.
"""

import shlex

from pydantic import Field

from bot.runbook import DESTROY, Change


class _OfUser(Change):
    effect = DESTROY
    repeatable = True

    user_id: str = Field(min_length=1, max_length=255)
    email: str = ""  #: For whoever approves.

    def target(self) -> str:
        return f"auth0/{self.user_id}"

    def command(self) -> str:
        return shlex.join(("auth0", *self._words()))

    def _words(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def named(self) -> str:
        return f"{self.user_id} ({self.email})" if self.email else self.user_id


class BlockUser(_OfUser):
    def _words(self) -> tuple[str, ...]:
        return ("users", "update", self.user_id, "--blocked=true")

    def then(self) -> str:
        return f"{self.named} is blocked"

    def undo(self) -> "UnblockUser":
        return UnblockUser(user_id=self.user_id, email=self.email)


class UnblockUser(_OfUser):
    def _words(self) -> tuple[str, ...]:
        return ("users", "update", self.user_id, "--blocked=false")

    def then(self) -> str:
        return f"{self.named} is not blocked"

    def undo(self) -> BlockUser:
        return BlockUser(user_id=self.user_id, email=self.email)


class RevokeSessions(_OfUser):
    """Ends every session at Auth0. An access token that is out stays good until it expires."""

    def _words(self) -> tuple[str, ...]:
        return ("api", "delete", f"users/{self.user_id}/sessions")

    def then(self) -> str:
        return f"{self.named} has no session"


class RevokeRefreshTokens(_OfUser):
    def _words(self) -> tuple[str, ...]:
        return ("api", "delete", f"users/{self.user_id}/refresh-tokens")

    def then(self) -> str:
        return f"{self.named} has no refresh token"
