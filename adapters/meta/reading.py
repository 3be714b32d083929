"""Meta's answers, validated. Another shape than the known one is Unreachable, never "all well"."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.meta.changes import Subscribe
from adapters.meta.errors import META
from adapters.meta.facts import Subscription, TokenState, is_same
from adapters.plain import plain
from bot.runbook.errors import Unreachable


def token_state(told: Any, app: str, scopes: Sequence[str]) -> TokenState:
    """What `debug_token` says. `app` is ours, `scopes` are what a token must allow."""
    if not isinstance(told, dict) or not isinstance(told.get("is_valid"), bool):
        raise Unreachable(f"{META} answered without saying whether the token is valid")
    of, allows, error = str(told.get("app_id") or ""), told.get("scopes"), told.get("error")
    if not isinstance(allows, list | None) or not isinstance(error, dict | None):
        raise Unreachable(f"{META} answered about the token in a shape that is not known")
    return TokenState(
        is_valid=told["is_valid"],
        app=plain(told.get("application") or of, 80),
        is_ours=of == app,
        kind=plain(told.get("type") or "", 40),
        missing_scopes=tuple(one for one in scopes if one not in (allows or ())),
        expires_at=_moment(told.get("expires_at", 0)),
        data_access_until=_moment(told.get("data_access_expires_at", 0)),
        why=plain(error.get("message") or "", 160) if error else "",
        as_of=datetime.now(UTC),
    )


def subscription(told: Mapping[str, Any]) -> Subscription:
    fields = told.get("fields")
    texts = [told.get(name) for name in ("object", "callback_url")]
    if not isinstance(fields, list) or not all(isinstance(one, str) for one in texts):
        raise Unreachable(f"{META} answered with a subscription that cannot be read")
    if not isinstance(told.get("active"), bool):
        raise Unreachable(f"{META} answered without saying whether a subscription is active")
    about, callback = (plain(one, 500) for one in texts)
    names = (one.get("name") if isinstance(one, dict) else one for one in fields)
    return Subscription(
        about=about,
        callback=callback,
        fields=tuple(sorted(plain(name, 80) for name in names)),
        is_active=told["active"],
    )


def is_as_planned(there: Subscription | None, change: Subscribe) -> bool:
    """Whether it is what the change was to replace."""
    if there is None or change.replacing is None:
        return there is None and change.replacing is None
    return is_same(there, change.replacing, change.replacing_fields)


def told_of(there: Subscription | None) -> str:
    if there is None:
        return "Meta tells nobody about ad accounts"
    idle = "" if there.is_active else ", but is switched off"
    return f"Meta tells {there.callback} about {', '.join(there.fields) or 'nothing'}{idle}"


def _moment(seconds: object) -> datetime | None:
    """Of an epoch; 0: never."""
    if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds >= 0:
        try:
            return datetime.fromtimestamp(seconds, UTC) if seconds else None
        except (OverflowError, OSError, ValueError):
            pass
    raise Unreachable(f"{META} answered without saying when the token expires")
