"""
What keeps a user of the company's own out. Sessions are marked and stay: as rows they are
evidence.
"""

from bot.runbook import DESTROY, Change


class _OfAccount(Change):
    effect = DESTROY
    repeatable = True  #: Each says which rows it wants to find, and finds none a second time.

    user: int  #: Its id.

    def target(self) -> str:
        return f"users/{self.user}"

    def command(self) -> str:
        return self._line()

    def _line(self) -> str:
        raise NotImplementedError


class DisableUser(_OfAccount):
    def _line(self) -> str:
        return f"UPDATE users SET is_active = false WHERE id = {self.user} AND is_active"

    def then(self) -> str:
        return f"user {self.user} is disabled"

    def undo(self) -> "EnableUser":
        return EnableUser(user=self.user)


class EnableUser(_OfAccount):
    def _line(self) -> str:
        return f"UPDATE users SET is_active = true WHERE id = {self.user} AND NOT is_active"

    def then(self) -> str:
        return f"user {self.user} is active"

    def undo(self) -> DisableUser:
        return DisableUser(user=self.user)


class RevokeUserSessions(_OfAccount):
    """Every session that is live when it is carried out, whatever was live when it was planned."""

    def _line(self) -> str:
        return (
            f"UPDATE user_sessions SET revoked_at = now() WHERE user_id = {self.user}"
            " AND revoked_at IS NULL AND expires_at > now()"
        )

    def then(self) -> str:
        return f"user {self.user} has no live session"
