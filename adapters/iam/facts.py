"""What IAM knows of access keys and roles."""

from pydantic import AwareDatetime

from adapters.iam.changes import DeactivateKey, DenyOlderSessions
from bot.runbook import Facts, Table


class AccessKey(Facts):
    id: str
    user: str
    is_active: bool
    made_at: AwareDatetime
    last_used_at: AwareDatetime | None = None
    last_used_for: str = ""  #: The service, and where.
    has_mfa: bool = False  #: Its user has a second factor.
    policies: tuple[str, ...] = ()  #: Of its user and of the groups they are in.

    def deactivate(self) -> DeactivateKey:
        return DeactivateKey(user=self.user, key_id=self.id)


class Role(Facts):
    name: str
    last_used_at: AwareDatetime | None = None
    policies: tuple[str, ...] = ()
    #: Sessions issued before this are denied everything; None: none are.
    denies_before: AwareDatetime | None = None
    as_of: AwareDatetime  #: By AWS's clock.

    def deny_older_sessions(self, run: str) -> DenyOlderSessions:
        """Those that were issued until this was read."""
        return DenyOlderSessions(role=self.name, incident=run, before=self.as_of)


class Credentials(Facts):
    """`keys` of the users that were asked about, those not asked for too."""

    keys: tuple[AccessKey, ...] = ()
    roles: tuple[Role, ...] = ()
    missing: tuple[str, ...] = ()  #: What was given and IAM does not have.

    def key(self, key_id: str) -> AccessKey | None:
        return next((one for one in self.keys if one.id == key_id), None)

    def table(self) -> Table:
        columns = ("Credential", "Of", "State", "Since", "Last used", "For", "MFA", "Policies")
        keys = (
            (one.id, one.user, "Active" if one.is_active else "Inactive", one.made_at,
             one.last_used_at, one.last_used_for, one.has_mfa, ", ".join(one.policies))
            for one in self.keys
        )  # fmt: skip
        roles = (
            (f"role {one.name}", "", _state(one), None, one.last_used_at, "", None,
             ", ".join(one.policies))
            for one in self.roles
        )  # fmt: skip
        return Table(columns, (*keys, *roles))


def _state(role: Role) -> str:
    if role.denies_before is None:
        return "Sessions allowed"
    return f"Denied if issued before {role.denies_before:%Y-%m-%d %H:%M:%S} UTC"
