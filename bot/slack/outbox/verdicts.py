"""
What became of a delivery, and what an error name of Slack means for it.

The lists follow Slack's method reference. What is in none of them is final for that delivery: it
is kept as dead with its reason, and the rest goes on.
"""

from dataclasses import dataclass

from bot.store.delivering import Sent


@dataclass(frozen=True)
class Arrived:
    """`at`: where the message is; None for what is not a message."""

    at: Sent | None = None
    note: str | None = None


@dataclass(frozen=True)
class NotArrived:
    """It was not tried, through no fault of its own. Held for `after_s` seconds."""

    after_s: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Failed:
    """Tried, and known not to be there: send it again. `why`: '' when that was said before."""

    why: str = ""


@dataclass(frozen=True)
class Unsure:
    """The answer was lost, or is none: look whether it arrived."""

    why: str


@dataclass(frozen=True)
class NotYetKnown:
    """It was looked for and not found, and may yet be there. Look again later."""

    after_s: float


@dataclass(frozen=True)
class Unreadable:
    """Slack could not be read. Look again later."""

    why: str


@dataclass(frozen=True)
class Elsewhere:
    """It cannot be shown there. `same_channel`: a new message in that channel can be read."""

    why: str
    same_channel: bool = False


@dataclass(frozen=True)
class Refusal:
    why: str


Outcome = Arrived | NotArrived | Failed | Unsure | NotYetKnown | Unreadable | Elsewhere | Refusal

#: It is already as it should be.
ALREADY = frozenset(
    {"already_pinned", "already_in_channel", "already_reacted", "cant_invite_self"}
)
#: The message cannot be edited, or what it hung below is gone; its channel can be read.
MESSAGE_GONE = frozenset(
    {
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
        "thread_not_found",
    }
)
#: The channel takes nothing from us.
CHANNEL_CLOSED = frozenset(
    {
        "cant_post_message",
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "not_in_channel",
        "posting_to_channel_denied",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
#: The bot itself is shut out: no delivery is to blame, and none is given up.
SHUT_OUT = frozenset(
    {
        "account_inactive",
        "accesslimited",
        "app_access_restricted",
        "ekm_access_denied",
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "team_not_found",
        "token_expired",
        "token_revoked",
    }
)
SHUT_OUT_AGAIN_S = 30.0
#: Slack says of these that a part may have been done.
HALF_DONE = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "update_failed"}
)
#: Its blocks are refused; its text, which says it all, can still be said.
BAD_BLOCKS = frozenset(
    {"block_mismatch", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}
)


def outcome_of(method: str, error: str) -> Outcome:
    """Of an answer that says `ok: false`."""
    if error in ALREADY:
        return Arrived()
    if error in HALF_DONE:
        return Unsure(f"Slack fails on {method} ({error})")
    if error in SHUT_OUT:
        return NotArrived(
            SHUT_OUT_AGAIN_S, f"Slack does not let the bot in ({error}): check its token."
        )
    if error in MESSAGE_GONE:
        return Elsewhere(f"{method}: {error}", same_channel=True)
    if error in CHANNEL_CLOSED:
        return Elsewhere(f"{method}: {error}")
    return Refusal(f"Slack refused {method}: {error}")
