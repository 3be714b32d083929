"""Where the audit log's anchors go, as the settings say."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from adapters.aws_calls import AwsCalls
from adapters.vault import LockedBucket
from bot.engine.anchoring import Anchoring, Told
from bot.settings import Settings
from bot.slack.views.audit import anchor
from bot.store import outbox
from bot.store.deliveries import Delivery, message
from bot.store.store import Store

log = logging.getLogger(__name__)


def anchoring(
    settings: Settings,
    store: Store,
    stack: contextlib.AsyncExitStack,
    on_commit: Callable[[], None],
) -> Anchoring:
    channel = settings.audit.channel or settings.slack.fallback_channel

    def say(told: Told) -> Sequence[Delivery]:
        shown = anchor(told.day, told.seq, told.hash)
        name = f"audit/{told.day}"
        return [message(name, shown.text, shown.blocks, place=channel)] if channel else []

    retain = timedelta(days=settings.audit.retain_days)
    vault = bucket(settings, stack)
    if not channel and vault is None:
        log.warning("nobody is told the audit log's anchors: set audit.channel or audit.bucket")
    return Anchoring(store, outbox.put, say, vault, retain, on_commit=on_commit)


def bucket(settings: Settings, stack: contextlib.AsyncExitStack) -> LockedBucket | None:
    """Closed when the stack is."""
    if not settings.audit.bucket:
        return None
    aws = AwsCalls(settings.aws.region, settings.aws.endpoint_url, settings.aws.timeout_s)
    stack.push_async_callback(aws.close)
    return LockedBucket(aws, settings.audit.bucket)
