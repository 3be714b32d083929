"""The manifest asks Slack for what the code uses, and for no more to be trusted with."""

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.slack.listeners.typed import WORDS

ROOT = Path(__file__).parent.parent
METHOD = re.compile(
    r"(apps|auth|bookmarks|chat|conversations|files|pins|reactions|team|usergroups|users|views)"
    r"(\.[a-z][A-Za-z]*)+"
)
#: Runs speak in public and in private channels, and to one person; hence three of a kind.
READ = {"channels:read", "groups:read", "im:read"}
HISTORY = {"channels:history", "groups:history", "im:history"}
MANAGE = {"channels:manage", "groups:write"}
#: Bot scopes per method, from Slack's method reference. chat:write.public: a run answers in the
#: public channel that it was started in, where nobody may have invited the bot.
SCOPES: dict[str, set[str]] = {
    "auth.test": set(),
    "bookmarks.add": {"bookmarks:write"},
    "bookmarks.list": {"bookmarks:read"},
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write", "chat:write.public"},
    "chat.update": {"chat:write"},
    "conversations.create": MANAGE,
    "conversations.history": HISTORY,
    "conversations.info": READ,
    "conversations.invite": MANAGE,
    "conversations.join": {"channels:join"},
    "conversations.list": READ,
    "conversations.open": {"im:write"},
    "conversations.replies": HISTORY,
    "conversations.setPurpose": MANAGE,
    "conversations.setTopic": MANAGE,
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "files.info": {"files:read"},
    "pins.add": {"pins:write"},
    "usergroups.list": {"usergroups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.conversations": READ,
    "users.info": {"users:read"},
    "views.open": set(),
    "views.publish": set(),
    "views.push": set(),
    "views.update": set(),
}


@cache
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text())
    return read


@cache
def nodes() -> tuple[ast.AST, ...]:
    """Of all that talks to Slack, and of what it is built on."""
    paths = [path for part in ("bot", "adapters") for path in (ROOT / part).rglob("*.py")]
    return tuple(node for path in paths for node in ast.walk(ast.parse(path.read_text())))


def methods_called() -> set[str]:
    return {
        node.value
        for node in nodes()
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and METHOD.fullmatch(node.value)
    }


def listened_to(kind: str) -> set[str]:
    """The literal names in `app.<kind>("...")`."""
    return {
        node.args[0].value
        for node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == kind
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "app"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_slack_accepts_the_manifest() -> None:
    schema = json.loads((ROOT / "tests/data/slack_manifest.schema.2.0.0.json").read_text())
    jsonschema.Draft7Validator(schema).validate(manifest())


def test_every_method_that_is_called_has_its_scopes_known() -> None:
    assert methods_called() - set(SCOPES) == set()


def test_the_bot_may_do_what_it_calls_and_nothing_else() -> None:
    used = set().union(*(SCOPES[method] for method in methods_called())) | {"commands"}
    asked = manifest()["oauth_config"]["scopes"]["bot"]
    assert set(asked) == used
    assert asked == sorted(asked)
    assert "user" not in manifest()["oauth_config"]["scopes"]


@pytest.mark.parametrize("kind", ["shortcut", "message", "function", "options"])
def test_nothing_is_listened_to_that_the_manifest_does_not_offer(kind: str) -> None:
    assert listened_to(kind) == set()


def test_commands_are_those_that_are_listened_to() -> None:
    offered = {one["command"] for one in manifest()["features"]["slash_commands"]}
    assert offered == listened_to("command") == {"/runbook"}


def test_events_are_those_that_are_listened_to() -> None:
    events = set(manifest()["settings"]["event_subscriptions"]["bot_events"])
    assert events == listened_to("event") == {"app_home_opened"}


def test_the_usage_hint_names_every_word_of_the_command() -> None:
    (command,) = manifest()["features"]["slash_commands"]
    assert set(re.findall(r"\| (\w+)", command["usage_hint"])) == WORDS


def test_it_works_without_a_public_address() -> None:
    settings = manifest()["settings"]
    assert settings["socket_mode_enabled"] and settings["interactivity"]["is_enabled"]
    assert manifest()["features"]["app_home"]["home_tab_enabled"]
    assert not re.search(r"https?://(?!api\.slack\.com)", (ROOT / "manifest.yml").read_text())
