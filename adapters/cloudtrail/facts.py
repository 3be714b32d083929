"""What CloudTrail has recorded. It records the management of the account, and of 90 days."""

from collections.abc import Callable

from pydantic import AwareDatetime

from bot.runbook import Facts, Table

#: What gives somebody a way in that stays: keys, passwords, users and what they may do.
FOOTHOLDS = frozenset(
    {
        "AddUserToGroup",
        "AttachGroupPolicy",
        "AttachRolePolicy",
        "AttachUserPolicy",
        "CreateAccessKey",
        "CreateLoginProfile",
        "CreatePolicyVersion",
        "CreateRole",
        "CreateUser",
        "DeactivateMFADevice",
        "PutGroupPolicy",
        "PutRolePolicy",
        "PutUserPolicy",
        "SetDefaultPolicyVersion",
        "UpdateAccessKey",
        "UpdateAssumeRolePolicy",
        "UpdateLoginProfile",
    }
)
SIGN_INS = frozenset({"ConsoleLogin", "SwitchRole", "GetFederationToken"})


class TrailEvent(Facts):
    at: AwareDatetime
    name: str  #: Of the call, such as `CreateAccessKey`.
    source: str  #: The service, such as `iam.amazonaws.com`.
    user: str = ""  #: As CloudTrail names who called.
    key_id: str = ""
    ip: str = ""
    user_agent: str = ""
    about: str = ""  #: What it was done to.
    made: str = ""  #: The id of a key that it made.
    failure: str = ""  #: Why it was refused; empty: it was done.


class Trail(Facts):
    """The newest first."""

    events: tuple[TrailEvent, ...]
    since: AwareDatetime
    until: AwareDatetime
    is_cut: bool = False  #: There are more, older ones.

    def only(self, wanted: Callable[[TrailEvent], bool]) -> "Trail":
        return self.model_copy(update={"events": tuple(filter(wanted, self.events))})

    @property
    def footholds(self) -> "Trail":
        """That were taken, not those that were refused."""
        return self.only(lambda one: one.name in FOOTHOLDS and not one.failure)

    @property
    def made_keys(self) -> "Trail":
        return self.only(lambda one: bool(one.made) and not one.failure)

    @property
    def ips(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.ip for one in self.events if one.ip))

    def table(self) -> Table:
        columns = ("At", "Call", "Service", "By", "Key", "From", "With", "About", "Refused")
        rows = (
            (one.at, one.name, one.source, one.user, one.key_id, one.ip, one.user_agent,
             " ".join(filter(None, (one.about, one.made))), one.failure)
            for one in self.events
        )  # fmt: skip
        return Table(columns, tuple(rows))
