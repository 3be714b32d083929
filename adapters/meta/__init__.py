"""Meta's Graph API: tokens, limits, subscriptions."""

from adapters.meta.adapter import Meta
from adapters.meta.changes import Subscribe, SubscribeApp, Unsubscribe, UnsubscribeApp
from adapters.meta.facts import (
    AdAccount,
    Endpoint,
    Hearings,
    StoredToken,
    Subscriptions,
    TokenState,
    TokenTry,
)
from adapters.meta.usage import Headroom
from adapters.meta.versions import GraphVersion

__all__ = [
    "AdAccount", "Endpoint", "GraphVersion", "Headroom", "Hearings", "Meta", "StoredToken",
    "Subscribe", "SubscribeApp", "Subscriptions", "TokenState", "TokenTry", "Unsubscribe",
    "UnsubscribeApp",
]  # fmt: skip
