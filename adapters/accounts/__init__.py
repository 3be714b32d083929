"""The company's own users: who they are, whether they may still come in, and what they did."""

from adapters.accounts.adapter import Accounts
from adapters.accounts.changes import DisableUser, EnableUser, RevokeUserSessions
from adapters.accounts.facts import Account, Activities, Activity, Suspects, Touched

__all__ = [
    "Account",
    "Accounts",
    "Activities",
    "Activity",
    "DisableUser",
    "EnableUser",
    "RevokeUserSessions",
    "Suspects",
    "Touched",
]
