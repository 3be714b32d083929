"""The company's own database: organizations, their syncs, tokens, webhooks and requests."""

from adapters.company_data.adapter import CompanyData
from adapters.company_data.changes import NotifyOwners, RestoreToken, StoreToken
from adapters.company_data.facts import (
    AdsUpdated,
    FailedSyncs,
    Jobs,
    LastSyncs,
    Organizations,
    Requests,
    SyncOfRun,
    Tokens,
    WebhookEvents,
)

__all__ = [
    "AdsUpdated", "CompanyData", "FailedSyncs", "Jobs", "LastSyncs", "NotifyOwners",
    "Organizations", "Requests", "RestoreToken", "StoreToken", "SyncOfRun", "Tokens",
    "WebhookEvents",
]  # fmt: skip
