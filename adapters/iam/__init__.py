"""IAM: whose an access key is, what it may do, and how to make keys and sessions worthless."""

from adapters.iam.adapter import READS, Iam
from adapters.iam.changes import (
    ActivateKey,
    AllowOlderSessions,
    DeactivateKey,
    DenyOlderSessions,
)
from adapters.iam.facts import AccessKey, Credentials, Role

__all__ = [
    "READS",
    "AccessKey",
    "ActivateKey",
    "AllowOlderSessions",
    "Credentials",
    "DeactivateKey",
    "DenyOlderSessions",
    "Iam",
    "Role",
]
