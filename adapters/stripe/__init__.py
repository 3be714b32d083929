"""Stripe's events, what our webhook endpoint has missed of them, and how to replay one."""

from adapters.stripe.adapter import Stripe
from adapters.stripe.changes import ReplayEvent, RetryDelivery
from adapters.stripe.facts import Endpoint, Event, Events
from adapters.stripe.signing import signature

__all__ = ["Endpoint", "Event", "Events", "ReplayEvent", "RetryDelivery", "Stripe", "signature"]
