"""The company's own database: organizations, their syncs, tokens, webhooks and requests."""

from adapters.company_data.adapter import CompanyData
from adapters.company_data.changes import NotifyOwners, RestoreToken, StoreToken
from adapters.company_data.facts import (
    AccountSync,
    AdsUpdated,
    FailedSyncs,
    Failure,
    Job,
    Jobs,
    LastSyncs,
    Organizations,
    Requests,
    SyncOfRun,
    TokenRow,
    Tokens,
    WebhookEvents,
)

__all__ = [
    "AccountSync", "AdsUpdated", "CompanyData", "FailedSyncs", "Failure", "Job", "Jobs",
    "LastSyncs", "NotifyOwners", "Organizations", "Requests", "RestoreToken", "StoreToken",
    "SyncOfRun", "TokenRow", "Tokens", "WebhookEvents",
]  # fmt: skip
