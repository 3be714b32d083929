"""
What Meta's error codes mean, as sentences and as what to do next.

Sources: developers.facebook.com/docs/graph-api/guides/error-handling (1, 2, 4, 10, 17, 102, 190,
200-299, 368) and .../docs/graph-api/overview/rate-limiting (32, 613, 80000-80014). The error is in
the body; the HTTP status tells nothing, and is 400 for most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.http_calls import Answer
from adapters.meta.usage import Usage, longest
from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.vault import NotAccepted

META = "Meta"
Kind = Literal["limit", "token", "permission", "passing", "policy", "version", "other"]

LIMITS: Mapping[int, str] = {
    4: "our app has made too many calls",
    17: "too many calls were made for this user",
    32: "too many calls were made for this page",
    613: "too many calls of this kind were made for this ad account",
    80000: "too many calls of ads insights were made for this ad account",
    80001: "too many calls were made for this page",
    80002: "too many calls were made for this Instagram account",
    80003: "too many calls of custom audiences were made for this ad account",
    80004: "too many calls of ads management were made for this ad account",
    80005: "too many calls of lead ads were made for this page",
    80006: "too many calls of Messenger were made for this page",
    80008: "too many calls of WhatsApp were made for this account",
    80009: "too many calls of the catalogue were made for this catalogue",
    80014: "too many batches of changes were sent for this catalogue",
}
BUSINESS_LIMITS = range(80000, 80015)
#: By code and subcode.
OF_THE_ACCOUNT: Mapping[tuple[int, int], str] = {
    (17, 2446079): "too many calls were made for this ad account",
    (613, 1487742): "too many changes were made to this ad account",
}
TOKENS: Mapping[int, str] = {
    458: "the user has removed our app",
    459: "the user must confirm their account at Meta first",
    460: "the user has changed their password",
    463: "it has expired",
    464: "the user's account is not confirmed at Meta",
    467: "it was revoked, or its user signed out",
    492: "its user has lost their role",
}
PERMISSION, PASSING = frozenset({3, 10, *range(200, 300)}), frozenset({1, 2})
#: Minutes after which to try again when Meta does not say how long its limit lasts.
SOON_S = 60.0


@dataclass(frozen=True)
class Trouble:
    kind: Kind
    says: str  #: One sentence, without its full stop.
    code: int = 0
    subcode: int = 0


class Limited(NothingDone):
    """Meta limits us. Nothing was done."""

    def __init__(self, trouble: Trouble, usages: tuple[Usage, ...]) -> None:
        regain = longest(usages)
        again_s = max(regain.total_seconds() if regain else 0.0, SOON_S)
        super().__init__(f"{trouble.says}. Nothing was done", again_s)
        self.trouble, self.usages = trouble, usages


def trouble_in(answer: Answer) -> Trouble | None:
    """None: it is no error. Raises Unreachable when it cannot be told."""
    if answer.is_good or not answer.is_page:
        content = _content(answer)
        error = content.get("error") if isinstance(content, dict) else None
        if isinstance(error, dict):
            return _trouble(error)
        if answer.is_good:
            return None
    return _by_status(answer)


def raised(trouble: Trouble, usages: tuple[Usage, ...] = (), writing: bool = False) -> Exception:
    """What to raise for it."""
    if trouble.kind == "limit":
        return Limited(trouble, usages)
    if trouble.kind == "passing":
        known = "; it is not known whether it was done" if writing else ""
        return Unreachable(f"{trouble.says}{known}")
    if trouble.kind == "token":
        return NotAccepted(f"{trouble.says}. Nothing was done.")
    return Refused(f"{trouble.says}. Nothing was done.")


def _content(answer: Answer) -> Any:
    try:
        return answer.json()
    except Unreachable:
        if answer.is_good:
            raise
        return None


def _trouble(error: Mapping[str, Any]) -> Trouble:
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    said = plain(error.get("message") or "", 160).rstrip(".")
    named = f"code {code}, {subcode}" if subcode else f"code {code}"
    kind, says = _meaning(code, subcode, error.get("is_transient") is True)
    theirs = f": {said}" if said else ""
    return Trouble(kind, f"{META} {says} ({named}){theirs}", code, subcode)


def _meaning(code: int, subcode: int, is_transient: bool) -> tuple[Kind, str]:
    if code in LIMITS or code in BUSINESS_LIMITS:
        of_use = "too many calls of one kind were made for this business"
        why = OF_THE_ACCOUNT.get((code, subcode)) or LIMITS.get(code, of_use)
        return "limit", f"limits us: {why}"
    if code in (102, 190):
        why = TOKENS.get(subcode, "it has expired, was revoked, or never was one")
        return "token", f"does not accept the token: {why}"
    if code in PERMISSION:
        return "permission", "says that the token or our app may not do this"
    if code == 368:
        return "policy", "blocks this for now, for what it calls a breach of its policies"
    if code == 2635:
        return "version", "does not serve this version of its API any more: set meta.version"
    if code in PASSING or is_transient:
        return "passing", "has trouble of its own"
    return "other", "refused"


def _by_status(answer: Answer) -> Trouble:
    status = answer.status
    if status == 429:
        return Trouble("limit", f"{META} limits us (HTTP 429)")
    if status == 401:
        return Trouble("token", f"{META} does not accept the token (HTTP 401)")
    if status >= 500:
        return Trouble("passing", f"{META} answered with an error of its own (HTTP {status})")
    if 300 <= status < 400:
        where = "Check meta.graph_url in settings"
        return Trouble("other", f"{META} sent us elsewhere (HTTP {status}). {where}")
    return Trouble("other", f"{META} refused (HTTP {status})")


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
