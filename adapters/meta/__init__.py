"""Meta's Graph API: tokens, limits, subscriptions."""

from adapters.meta.adapter import Meta
from adapters.meta.changes import Subscribe, SubscribeApp, Unsubscribe, UnsubscribeApp
from adapters.meta.facts import (
    AdAccount,
    AskedToken,
    Endpoint,
    Hearings,
    StoredToken,
    Subscriptions,
    TokenState,
    TokenTry,
)
from adapters.meta.usage import Headroom, Headrooms, Usage
from adapters.meta.versions import GraphVersion

__all__ = [
    "AdAccount", "AskedToken", "Endpoint", "GraphVersion", "Headroom", "Headrooms", "Hearings",
    "Meta", "StoredToken", "Subscribe", "SubscribeApp", "Subscriptions", "TokenState", "TokenTry",
    "Unsubscribe", "UnsubscribeApp", "Usage",
]  # fmt: skip
