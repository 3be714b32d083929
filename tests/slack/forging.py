"""
Deliveries that Slack would never make, as (name, how it is made): what somebody would send who has
found the request URL, has recorded genuine requests, or even has the signing secret.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sandbox.slack.http_mode import FORM_TYPE, JSON_TYPE, signed

Payload = dict[str, Any]


@dataclass(frozen=True)
class Request:
    body: bytes
    headers: Mapping[str, str]

    def having(self, **headers: str) -> "Request":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    def without(self, *names: str) -> "Request":
        left = {name: value for name, value in self.headers.items() if name not in names}
        return replace(self, headers=left)


TEAM = "T0OURS"  #: Stands for the workspace's own id; see `of_team`.


def request(secret: str, now: float, body: str, kind: str = FORM_TYPE) -> Request:
    return Request(body.encode(), {**signed(secret, body, int(now)), "Content-Type": kind})


def command(text: str = "RB-INC-001 brief_desc=forged", **changed: Any) -> Payload:
    """A genuine slash command, and what is changed of it; None leaves a field out."""
    whole = {
        "command": "/runbook", "text": text, "team_id": TEAM, "user_id": "U0DANA",
        "channel_id": "C0GENERAL", "channel_name": "general", "trigger_id": "1.2.forged",
        "response_url": "", "api_app_id": "A1",
    }  # fmt: skip
    return {name: value for name, value in (whole | changed).items() if value is not None}


def press(value: str, action: str = "rb.approve", **changed: Any) -> Payload:
    """A genuine click on an approval, and what is changed of it."""
    whole: Payload = {
        "type": "block_actions",
        "team": {"id": TEAM},
        "user": {"id": "U0DANA", "team_id": TEAM},
        "channel": {"id": "C0GENERAL", "name": "general"},
        "container": {"type": "message", "message_ts": "1.1", "channel_id": "C0GENERAL"},
        "trigger_id": "1.3.forged",
        "actions": [
            {"type": "button", "action_id": action, "block_id": "b", "value": value,
             "action_ts": "1.4"}
        ],
    }  # fmt: skip
    return copy.deepcopy(whole) | changed


def of_team(payload: Payload, team: str) -> Payload:
    return dict(json.loads(json.dumps(payload).replace(TEAM, team)))


def as_form(payload: Payload) -> str:
    if "command" in payload:
        return urlencode(payload)
    return urlencode({"payload": json.dumps(payload)})


def unsigned_requests(secret: str, now: float) -> Mapping[str, Request]:
    """Requests of somebody without the signing secret, and broken ones. Each must be refused."""
    body = as_form(command())
    good = request(secret, now, body)
    signature, stamp = "X-Slack-Signature", "X-Slack-Request-Timestamp"
    wrong = {
        "signed with another secret": request("another", now, body),
        "body changed after signing": replace(good, body=good.body + b"&x=1"),
        "one byte of the body flipped": replace(good, body=good.body[:-1] + b"X"),
        "body of another request": replace(good, body=as_form(command("list")).encode()),
        "empty body under another's signature": replace(good, body=b""),
        "no signature": good.without(signature),
        "no timestamp": good.without(stamp),
        "no headers of Slack's": good.without(signature, stamp),
        "an old timestamp": request(secret, now - 301, body),
        "a year old": request(secret, now - 31e6, body),
        "from the future": request(secret, now + 302, body),
        "another time under the same signature": good.having(
            X_Slack_Request_Timestamp=str(int(now) - 1)
        ),
    }
    for strange in (
        "",
        "nan",
        "inf",
        "-1",
        "1e9",
        "0x10",
        "٣٤٥",
        "1 2",
        "9" * 40,
        "12.5",
        "'; --",
    ):
        wrong[f"timestamp {strange!r}"] = good.having(X_Slack_Request_Timestamp=strange)
    for strange in ("", "v0=", "v1=" + "0" * 64, "v0=" + "g" * 64, "v0=" + "é" * 64, "0" * 64):
        wrong[f"signature {strange[:8]!r}"] = good.having(X_Slack_Signature=strange)
    upper = good.headers[signature].upper()
    wrong["signature in capitals"] = good.having(X_Slack_Signature=upper)
    return wrong


def signed_rubbish(secret: str, now: float) -> Mapping[str, Request]:
    """Not even a payload, and yet signed: nothing may come of it."""
    return {
        "JSON that is cut": request(secret, now, '{"type": ', JSON_TYPE),
        "a payload that is cut": request(secret, now, "payload=%7B%22type"),
        "a list": request(secret, now, "[1, 2]", JSON_TYPE),
        "a number": request(secret, now, "7", JSON_TYPE),
        "nothing known": request(secret, now, "a=b&c=d"),
        "deeply nested": request(secret, now, '{"a":' * 500 + "1" + "}" * 500, JSON_TYPE),
    }


def forged_payloads() -> Mapping[str, Payload]:
    """What only somebody with the signing secret, or an app token, could send."""
    stranger = {"id": "U0DANA", "team_id": "T0ELSEWHERE"}
    odd = {
        "command of another team": command(team_id="T0ELSEWHERE"),
        "command without a team": command(team_id=None),
        "command without a person": command(user_id=None),
        "command of nobody": command(user_id="nobody; drop table runs"),
        "command without a delivery id": command(trigger_id=None),
        "command from no channel": command(channel_id="../../etc/passwd"),
        "command of 10,000 characters": command("x" * 10_000),
        "click of another team": press("plan-1", user=stranger, team={"id": "T0ELSEWHERE"}),
        "click of a stranger in a shared channel": press("plan-1", user=stranger),
        "click of nobody": press("plan-1", user={"id": None}),
        "click without a user": press("plan-1", user=None),
        "click without an action": press("plan-1", actions=[]),
        "click on a button we do not have": press("plan-1", "rb.reboot_the_world"),
        "click without a place": press("plan-1", container={}),
    }
    for value in ("", "x" * 2_000, '{"run": "7F3K"}', "' or 1=1 --", "7F3K\x00", "<!channel>"):
        odd[f"cancel with the value {value[:12]!r}"] = press(value, "rb.cancel")
    return odd


def elsewhere(approval: str, run: str) -> Mapping[str, Payload]:
    """
    Clicks and forms about this approval, question `q1` and run that come from where the bot has
    not put them. Whatever a genuine click comes from is said by `press`.
    """
    home = {"type": "view", "view_id": "V1"}
    seen_by_one = {"type": "message", "message_ts": "9.9", "is_ephemeral": True}
    odd: dict[str, Payload] = {}
    for name in ("rb.approve", "rb.approve_destroy", "rb.deny", "rb.break_glass"):
        odd |= {
            f"{name} of another run's approval": press("of-another", name),
            f"{name} in a message of another bot": _in_message(press(approval, name), "9.9"),
            f"{name} in another channel": press(
                approval, name, channel={"id": "C0OTHER", "name": "other"}
            ),
            f"{name} from the Home tab": press(
                approval, name, container=home, view={"id": "V1", "type": "home"}
            ),
            f"{name} seen by one alone": press(approval, name, container=seen_by_one),
        }
    for name in ("rb.pick", "rb.go_on", "rb.close", "rb.undo", "rb.again"):
        odd[f"{name} of another run"] = press("9ZZZ roll_back", name)
        odd[f"{name} in a message of another bot"] = _in_message(
            press(f"{run} roll_back", name), "9.9"
        )
    odd["cancel of another run"] = press("9ZZZ", "rb.cancel")
    for name in ("rb.claim", "rb.done", "rb.happened", "rb.answer", "rb.proposed"):
        odd[f"{name} of another run's question"] = press("of-another", name)
        odd[f"{name} in a message of another bot"] = _in_message(press("q1", name), "9.9")
    for form in ("rb.approve_modal", "rb.deny_modal", "rb.glass_modal", "rb.answer_modal"):
        odd |= {
            f"{form} about another approval": _form(form, about="of-another"),
            f"{form} opened from nowhere": _form(form, about=approval, message=""),
            f"{form} opened in a message of another bot": _form(
                form, about=approval, message="9.9"
            ),
            f"{form} opened in another channel": _form(form, about=approval, channel="C0OTHER"),
        }
    return odd


def _in_message(click: Payload, ts: str) -> Payload:
    return click | {"container": click["container"] | {"message_ts": ts}}


def _form(callback: str, **changed: str) -> Payload:
    kept = {"channel": "C0GENERAL", "message": "1.1"} | changed
    field = {"type": "input", "block_id": "reason"}
    whole = press("")
    words = {"reason": {"value": {"type": "plain_text_input", "value": "I say so"}}}
    return {
        "type": "view_submission", "team": whole["team"], "user": whole["user"],
        "view": {
            "id": "V1", "hash": "1.h", "type": "modal", "callback_id": callback,
            "blocks": [field], "state": {"values": words},
            "private_metadata": json.dumps({name: one for name, one in kept.items() if one}),
        },
    }  # fmt: skip
