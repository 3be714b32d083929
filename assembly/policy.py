"""The policy file of the settings, read and held against the runbooks there are."""

from collections.abc import Mapping
from pathlib import Path

from bot.access.inputs import Schema
from bot.access.policy import DEFAULT, Policy
from bot.access.policy_file import PolicyError, read_policy
from bot.settings import Settings
from commands import IN_PROSE, RUNBOOKS


def policy_of(settings: Settings) -> Policy:
    """The built-in one when no file is named and none is there. Raises PolicyError."""
    path = Path(settings.policy)
    if "policy" not in settings.model_fields_set and not path.exists():
        return DEFAULT
    return policy_in(path)


def check_announced(policy: Policy, settings: Settings) -> None:
    """Raises PolicyError when a glass could be broken and nobody would be told of it."""
    if policy.may.break_glass and not settings.slack.fallback_channel:
        raise PolicyError(
            "The policy lets somebody break the glass, and slack.fallback_channel is empty: that"
            " is where everybody is told of it. Set the one or take away the other; until then"
            " the bot does not start."
        )


def policy_in(path: Path) -> Policy:
    """Raises PolicyError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise PolicyError(
            f"{path}: the policy file cannot be read: {why}. Nothing is allowed without it, so"
            " the bot does not start."
        ) from None
    return read_policy(text, str(path), _books())


def _books() -> Mapping[str, Schema | None]:
    written = {key: book.inputs.model_json_schema() for key, book in RUNBOOKS.items()}
    return {**dict.fromkeys(IN_PROSE), **written}
