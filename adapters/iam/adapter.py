"""
Reads access keys and roles, and makes them worthless.

IAM has no idempotency tokens; each change is to a state, and whether it is so is read back. What
is changed takes AWS some seconds to hold everywhere.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.aws_calls import Answer, AwsCalls, answered_at
from adapters.aws_errors import NotThere
from adapters.iam.changes import (
    ActivateKey,
    AllowOlderSessions,
    DeactivateKey,
    DenyOlderSessions,
)
from adapters.iam.facts import AccessKey, Credentials, Role
from adapters.plain import plain
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Unreachable

READS: tuple[str, ...] = (
    "iam:GetAccessKeyLastUsed",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAccessKeys",
    "iam:ListAttachedRolePolicies",
    "iam:ListAttachedUserPolicies",
    "iam:ListGroupsForUser",
    "iam:ListMFADevices",
    "iam:ListRolePolicies",
    "iam:ListUserPolicies",
)
MOST = 100  #: Of keys, policies and groups; IAM's own quotas are lower.
DENIES = "RevokeOlderSessions"
#: That of AWS's own console.
CONSOLES = "AWSRevokeOlderSessions"


class Iam(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def credentials(self, key_ids: Sequence[str], roles: Sequence[str] = ()) -> Credentials:
        """All keys of whoever has these, and the roles. Raises Unreachable, Refused."""
        users, missing = dict[str, None](), list[str]()
        for key_id in key_ids:
            if user := await self._user_of(key_id):
                users[user] = None
            else:
                missing.append(key_id)
        keys = [key for user in users for key in await self._keys_of(user)]
        found = {name: await self._role(name) for name in roles}
        return Credentials(
            keys=tuple(keys),
            roles=tuple(role for role in found.values() if role),
            missing=(*missing, *(name for name, role in found.items() if role is None)),
        )

    async def _user_of(self, key_id: str) -> str:
        """Empty when it is no key of a user of this account, as that of a session."""
        try:
            answer = await self._calls.read("iam", "get_access_key_last_used", AccessKeyId=key_id)
        except NotThere:
            return ""
        return str(answer.get("UserName") or "")

    async def _keys_of(self, user: str) -> list[AccessKey]:
        try:
            listed = await self._all("list_access_keys", "AccessKeyMetadata", UserName=user)
        except NotThere:
            return []
        has_mfa = bool(await self._all("list_mfa_devices", "MFADevices", UserName=user))
        policies = await self._policies_of(user)
        found = []
        for one in listed:
            answer = await self._calls.read(
                "iam", "get_access_key_last_used", AccessKeyId=one["AccessKeyId"]
            )
            found.append(_key(one, answer.get("AccessKeyLastUsed") or {}, has_mfa, policies))
        return found

    async def _policies_of(self, user: str) -> tuple[str, ...]:
        attached = await self._all(
            "list_attached_user_policies", "AttachedPolicies", UserName=user
        )
        own = await self._all("list_user_policies", "PolicyNames", UserName=user)
        groups = await self._all("list_groups_for_user", "Groups", UserName=user)
        of_groups = (f"group {plain(one['GroupName'])}" for one in groups)
        return (*(plain(one["PolicyName"]) for one in attached), *map(plain, own), *of_groups)

    async def _role(self, name: str) -> Role | None:
        try:
            answer = await self._calls.read("iam", "get_role", RoleName=name)
        except NotThere:
            return None
        attached = await self._all(
            "list_attached_role_policies", "AttachedPolicies", RoleName=name
        )
        own = await self._all("list_role_policies", "PolicyNames", RoleName=name)
        denying = [one for one in own if one == CONSOLES or one.startswith(f"{DENIES}-")]
        moments = [_denied_before(await self._document(name, one)) for one in denying]
        return Role(
            name=name,
            last_used_at=(answer["Role"].get("RoleLastUsed") or {}).get("LastUsedDate"),
            policies=(*(plain(one["PolicyName"]) for one in attached), *map(plain, own)),
            denies_before=max((at for at in moments if at), default=None),
            as_of=answered_at(answer),
        )

    async def _document(self, role: str, policy: str) -> Any:
        """None when there is none."""
        try:
            answer = await self._calls.read(
                "iam", "get_role_policy", RoleName=role, PolicyName=policy
            )
        except NotThere:
            return None
        return answer["PolicyDocument"]

    async def _see_inactive(self, change: DeactivateKey) -> Seen:
        return await self._see_status(change, "Inactive")

    async def _see_active(self, change: ActivateKey) -> Seen:
        return await self._see_status(change, "Active")

    async def _see_status(self, change: DeactivateKey | ActivateKey, wanted: str) -> Seen:
        try:
            keys = await self._all("list_access_keys", "AccessKeyMetadata", UserName=change.user)
        except NotThere:
            return Seen("drifted", f"there is no user {change.user}")
        status = {one["AccessKeyId"]: one["Status"] for one in keys}.get(change.key_id)
        if status is None:
            return Seen("drifted", f"{change.user} has no key {change.key_id}")
        now = f"{change.key_id} of {change.user} is {plain(status, 40)}"
        return Seen("applied" if status == wanted else "before", now)

    async def _deactivate(self, change: DeactivateKey, key: Key) -> None:
        await self._set_status(change, "Inactive")

    async def _activate(self, change: ActivateKey, key: Key) -> None:
        await self._set_status(change, "Active")

    async def _set_status(self, change: DeactivateKey | ActivateKey, status: str) -> None:
        await self._calls.write(
            "iam",
            "update_access_key",
            UserName=change.user,
            AccessKeyId=change.key_id,
            Status=status,
        )

    async def _see_denied(self, change: DenyOlderSessions) -> Seen:
        return await self._see_policy(change, wanted=True)

    async def _see_allowed(self, change: AllowOlderSessions) -> Seen:
        return await self._see_policy(change, wanted=False)

    async def _see_policy(
        self, change: DenyOlderSessions | AllowOlderSessions, wanted: bool
    ) -> Seen:
        try:
            await self._calls.read("iam", "get_role", RoleName=change.role)
        except NotThere:
            return Seen("drifted", f"there is no role {change.role}")
        document = await self._document(change.role, change.policy)
        if document is None:
            now = f"{change.role} has no policy {change.policy}"
            return Seen("before" if wanted else "applied", now)
        if document != change.document:
            return Seen("drifted", f"{change.policy} of {change.role} says something else")
        now = f"{change.role} has the policy {change.policy}"
        return Seen("applied" if wanted else "before", now)

    async def _deny(self, change: DenyOlderSessions, key: Key) -> None:
        await self._calls.write(
            "iam",
            "put_role_policy",
            RoleName=change.role,
            PolicyName=change.policy,
            PolicyDocument=json.dumps(change.document),
        )

    async def _allow(self, change: AllowOlderSessions, key: Key) -> None:
        await self._calls.write(
            "iam", "delete_role_policy", RoleName=change.role, PolicyName=change.policy
        )

    alters = (
        pair(
            DeactivateKey,
            observe=_see_inactive,
            apply=_deactivate,
            permissions=("iam:UpdateAccessKey",),
        ),
        pair(
            ActivateKey,
            observe=_see_active,
            apply=_activate,
            permissions=("iam:UpdateAccessKey",),
        ),
        pair(
            DenyOlderSessions,
            observe=_see_denied,
            apply=_deny,
            permissions=("iam:PutRolePolicy",),
        ),
        pair(
            AllowOlderSessions,
            observe=_see_allowed,
            apply=_allow,
            permissions=("iam:DeleteRolePolicy",),
        ),
    )

    async def _all(self, operation: str, items: str, **asked: Any) -> list[Any]:
        """Raises Unreachable when there is more than can be: all of it, or not known."""
        pages = await self._calls.read_pages("iam", operation, items, MOST, **asked)
        if not pages.is_complete:
            raise Unreachable("IAM lists more than there may be; not all was read")
        return pages.items


def _key(
    one: Answer, used: Mapping[str, Any], has_mfa: bool, policies: tuple[str, ...]
) -> AccessKey:
    where = [plain(used.get(what) or "") for what in ("ServiceName", "Region")]
    return AccessKey(
        id=one["AccessKeyId"],
        user=one["UserName"],
        is_active=one["Status"] == "Active",
        made_at=one["CreateDate"],
        last_used_at=used.get("LastUsedDate"),
        last_used_for=" in ".join(part for part in where if part not in ("", "N/A")),
        has_mfa=has_mfa,
        policies=policies,
    )


def _denied_before(document: Any) -> datetime | None:
    """Of a policy that denies everything to older sessions; None: it is another one."""
    try:
        (deny,) = document["Statement"]
        told = deny["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
        at = datetime.fromisoformat(told)
        denies_all = deny["Effect"] == "Deny" and "*" in deny["Action"]
        return at.astimezone(UTC) if denies_all and "*" in deny["Resource"] else None
    except (KeyError, TypeError, ValueError):
        return None
