"""
What makes a credential worthless. A key is made inactive and never deleted: deleted, it cannot be
taken back, and what it did is harder to find. A role's sessions cannot be ended; what was issued
before a moment can be denied everything.
"""

import json
import shlex
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, Field

from bot.runbook import DESTROY, Change

#: As IAM writes names of users, roles and keys.
NAME = r"^[\w+=,.@-]{1,128}$"


class _OfKey(Change):
    effect = DESTROY
    repeatable = True

    user: str = Field(pattern=NAME)
    key_id: str = Field(pattern=NAME)

    def target(self) -> str:
        return f"iam/{self.user}/{self.key_id}"

    def command(self) -> str:
        return (
            f"aws iam update-access-key --user-name {shlex.quote(self.user)}"
            f" --access-key-id {shlex.quote(self.key_id)} --status {self._status}"
        )

    @property
    def _status(self) -> str:
        raise NotImplementedError


class DeactivateKey(_OfKey):
    @property
    def _status(self) -> str:
        return "Inactive"

    def then(self) -> str:
        return f"{self.key_id} of {self.user} is Inactive"

    def undo(self) -> "ActivateKey":
        return ActivateKey(user=self.user, key_id=self.key_id)


class ActivateKey(_OfKey):
    @property
    def _status(self) -> str:
        return "Active"

    def then(self) -> str:
        return f"{self.key_id} of {self.user} is Active"

    def undo(self) -> DeactivateKey:
        return DeactivateKey(user=self.user, key_id=self.key_id)


class _OfRole(Change):
    effect = DESTROY
    repeatable = True

    role: str = Field(pattern=NAME)
    incident: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")  #: The run that does it.
    before: AwareDatetime  #: Sessions that were issued until then.

    def target(self) -> str:
        return f"iam/role/{self.role}"

    def command(self) -> str:
        return self._line()

    def _line(self) -> str:
        raise NotImplementedError

    @property
    def policy(self) -> str:
        """Its name: of this run, so that none of somebody else's is overwritten."""
        return f"RevokeOlderSessions-{self.incident}"

    @property
    def document(self) -> dict[str, Any]:
        """As AWS's own console revokes active sessions."""
        moment = self.before.astimezone(UTC)
        issued = {"DateLessThan": {"aws:TokenIssueTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}}
        deny = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": issued}
        return {"Version": "2012-10-17", "Statement": [deny]}

    def _words(self, verb: str) -> str:
        return (
            f"aws iam {verb}-role-policy --role-name {shlex.quote(self.role)}"
            f" --policy-name {self.policy}"
        )


class DenyOlderSessions(_OfRole):
    """Also of those who use the role rightly: each must take it anew."""

    def _line(self) -> str:
        document = shlex.quote(json.dumps(self.document))
        return f"{self._words('put')} --policy-document {document}"

    def then(self) -> str:
        return f"{self.role} denies everything to sessions of before {_minute(self.before)}"

    def undo(self) -> "AllowOlderSessions":
        return AllowOlderSessions(role=self.role, incident=self.incident, before=self.before)


class AllowOlderSessions(_OfRole):
    def _line(self) -> str:
        return self._words("delete")

    def then(self) -> str:
        return f"{self.role} denies nothing to older sessions"

    def undo(self) -> DenyOlderSessions:
        return DenyOlderSessions(role=self.role, incident=self.incident, before=self.before)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
