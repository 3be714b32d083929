"""What the redactor takes out, what it leaves, and that nothing makes it fail."""

import base64
import html
import json
import random
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.secrets.redaction import SHOWN, WITHHELD, Redactor

TESTS = Path(__file__).parents[1]
TOKEN = "hVt3+Qm/8zRk2WxP0aLs9dNfGc7uYb1e"
NAME = "env:THE_TOKEN"
PRIVATE_KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\n+/ygWep4PAtFl==\n"
    "-----END RSA PRIVATE KEY-----"
)
#: Each has a secret of its own in it, and how the text is to read without it.
SHAPED = {
    "xoxb-2345678901-AbCdEfGhIjKl": SHOWN,
    "xoxe.xoxp-1-AbCdEfGhIjKl": SHOWN,
    "xapp-1-A0123-456789-abcdef": SHOWN,
    "post to https://hooks.slack.com/services/T01/B02/AbCdEfGh now": (
        f"post to https://hooks.slack.com/services/{SHOWN} now"
    ),
    "sk_live_51HxYzAbCdEf": SHOWN,
    "rk_live_51HxYzAbCdEf": SHOWN,
    "sk_test_51HxYzAbCdEf": SHOWN,
    "whsec_AbCdEfGh12345": SHOWN,
    "ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789": SHOWN,
    "github_pat_11ABCDEFG0abcdefghij_KLMNOPqrstuvw": SHOWN,
    "ATATT3xFfGF0abcdefghijklmnop=12AB": SHOWN,
    "ASIAIOSFODNN7EXAMPLE, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": (
        f"ASIAIOSFODNN7EXAMPLE, {SHOWN}"
    ),
    "EAAGm0PX4ZCpsBAKZCZAbCdEfGhIjKl": SHOWN,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3": SHOWN,
    "postgresql://bot:s3cr@t!@db.internal:5432/prod": f"postgresql://bot:{SHOWN}@db.internal:5432/prod",
    "redis://:hunter2@cache": f"redis://:{SHOWN}@cache",
    "Authorization: Bearer abc.def": f"Authorization: Bearer {SHOWN}",
    "authorization: Token token=y_NbAkKc66ryYTWUXYEu": f"authorization: Token token={SHOWN}",
    "Authorization: Basic dXNlcjpwYXNz": f"Authorization: Basic {SHOWN}",
    "(b'Authorization', b'Bearer abc12345')": f"(b'Authorization', b'Bearer {SHOWN}')",
    "bearer abc12345": f"bearer {SHOWN}",
    "Set-Cookie: sid=abcdef; Path=/": f"Set-Cookie: {SHOWN}",
    PRIVATE_KEY: SHOWN,
    PRIVATE_KEY[:70]: SHOWN,
    "password=hunter2": f"password={SHOWN}",
    "PGPASSWORD=hunter2 psql": f"PGPASSWORD={SHOWN} psql",
    '"routing_key": "R0123456789abcdef"': f'"routing_key": "{SHOWN}"',
    "api-key: 0123-4567": f"api-key: {SHOWN}",
    "aws_secret_access_key = wJalrXUtnFEMI": f"aws_secret_access_key = {SHOWN}",
    "?access_token=abc123&page=2": f"?access_token={SHOWN}&page=2",
    '{"SecretString": "one\\"two three"}': f'{{"SecretString": "{SHOWN}"}}',
    "{'password': 'hun ter2'}": f"{{'password': '{SHOWN}'}}",
    '{"body": "{\\"token\\": \\"hunter22\\"}"}': f'{{"body": "{{\\"token\\": \\"{SHOWN}\\"}}"}}',
    "*Password:* `hunter2x`": f"*Password:* `{SHOWN}`",
}
HARMLESS = (
    "the key AKIAIOSFODNN7EXAMPLE of deployer",
    "aws iam update-access-key --access-key-id AKIAIOSFODNN7EXAMPLE --status Inactive",
    "complyai-core runs 2 of 4 tasks; complyai-core:5 was deployed 11 min ago",
    "token: expired",
    '"token": null, "next": "none"',
    "the token expires at 2026-03-01T14:00:00Z, the password was changed",
    "Secret: nobody knows",
    "settings: slack.bot_token: Value error, this is no reference to a secret",
    "Token: Refused. Password: Unchanged",
    "bearer of good news",
    "slack.bot_token: env:RUNBOOK_BOT_SLACK__BOT_TOKEN",
    "token = file:/run/secrets/token",
    "secret:runbook-bot/token",
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/bot-AbCdEf",
    "https://api.example.com:8443/health?at=12:30@noon",
    "commit 15193d707fc7f10446417dfebe4be3489364a142 of AKI, and 0123456789abcdef",
    "sha-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "AWS does not accept the bot's credentials for ecs:UpdateService (AccessDenied)",
    "password authentication failed for user bot",
)


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.learn(TOKEN, NAME)
    return made


@pytest.mark.parametrize("text", SHAPED, ids=lambda text: re.sub(r"\W+", "-", text)[:24])
def test_what_looks_like_a_secret_is_taken_out_and_the_rest_stays(
    redactor: Redactor, text: str
) -> None:
    assert redactor.text(text) == SHAPED[text]
    assert redactor.text(f"It said {text}") == f"It said {SHAPED[text]}"
    assert redactor.text(SHAPED[text]) == SHAPED[text]


@pytest.mark.parametrize(
    "text",
    [text for text, shown in SHAPED.items() if shown != text],
    ids=lambda text: re.sub(r"\W+", "-", text)[:24],
)
def test_what_looks_like_a_secret_is_found_within_json_which_stays_json(
    redactor: Redactor, text: str
) -> None:
    for whole in ({"says": f"line\n{text}\nend"}, {"says": json.dumps({"says": f"é{text}"})}):
        left = redactor.text(json.dumps(whole))
        assert "secret" in str(json.loads(left)["says"]), left
        assert not any(piece in left for piece in ("hunter2", "AbCdEfGh", "KEY-----", "sid="))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "path",
    [*(TESTS / "slack/views/golden").glob("*.json"), *(TESTS.parent / "docs/outlines").glob("*")],
    ids=lambda path: path.name,
)
def test_what_the_bot_shows_has_nothing_that_looks_like_a_secret(
    redactor: Redactor, path: Path
) -> None:
    assert redactor.text(path.read_text()) == path.read_text()


@pytest.mark.parametrize(
    "write",
    [
        str,
        repr,
        json.dumps,
        lambda value: json.dumps(json.dumps(value)),
        quote,
        lambda value: quote(value, safe=""),
        lambda value: quote(value, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
        quote_plus,
        html.escape,
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
        lambda value: base64.b64encode(f"me:{value}@host".encode()).decode(),
        lambda value: base64.urlsafe_b64encode(f"u:{value}".encode()).decode(),
        lambda value: value.encode().hex(),
    ],
)
@pytest.mark.parametrize("value", [TOKEN, "a\"b\\c&d<e>f g/h+i'j%k", "pässwörd+/?=&x"])
def test_a_value_that_was_read_is_known_however_it_is_written(write: Any, value: str) -> None:
    redactor = Redactor()
    redactor.learn(value, NAME)
    left = redactor.text(f"before {write(value)} after")
    assert f"[secret {NAME}]" in left
    assert left.startswith("before ") and left.endswith(" after")
    assert not any(value[at : at + 6] in left for at in range(len(value) - 6))


def test_what_was_no_secret_is_searched_again_once_a_value_is_known() -> None:
    redactor = Redactor()
    assert redactor.text(f"it says {TOKEN}") == f"it says {TOKEN}"
    redactor.learn(TOKEN, NAME)
    assert TOKEN not in redactor.text(f"it says {TOKEN}")


def test_a_value_that_was_cut_short_is_known_by_its_beginning(redactor: Redactor) -> None:
    assert redactor.text(f"it said {TOKEN[:17]}…") == f"it said [secret {NAME}]…"


@pytest.mark.parametrize(
    "between",
    ["\u200b", "\u2060", "\u00ad", "\ufeff", "\u202e", "\ud800", "\x00", "\u2028", "⟨U+200B⟩",
     "\\u200b", "\\u0000", "\n", "\r\n", "\n    ", "\n> ", "\\n", "\\r\\n"],
)  # fmt: skip
def test_nothing_invisible_and_no_end_of_a_line_hides_a_value(
    redactor: Redactor, between: str
) -> None:
    for at in (1, 8, 20, len(TOKEN) - 1):
        text = f"before {TOKEN[:at]}{between}{TOKEN[at:]} after"
        assert redactor.text(text) == f"before [secret {NAME}] after"


@pytest.mark.parametrize("between", ["\u200b", "\ud800", "⟨U+200B⟩", "\\u200d"])
def test_nothing_invisible_hides_a_token_by_its_shape(redactor: Redactor, between: str) -> None:
    left = redactor.text(f"xo{between}xb-2345678901-Abc{between}DEfGhIjKl")
    assert left == SHOWN


def test_every_line_of_a_value_of_several_lines_is_known() -> None:
    redactor = Redactor()
    redactor.learn(PRIVATE_KEY, "file:/key")
    assert redactor.text("x MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn y") == "x [secret file:/key] y"


def test_of_an_address_the_password_alone_is_known_too() -> None:
    redactor = Redactor()
    redactor.learn("postgresql://bot:Tr0ub4dor%263@db/prod", "env:DSN")
    for text in ("postgresql://bot:Tr0ub4dor%263@db/prod", "Tr0ub4dor%263", "Tr0ub4dor&3"):
        assert redactor.text(text) == "[secret env:DSN]"
    assert redactor.text("postgresql://bot@db/prod") == "postgresql://bot@db/prod"


def test_a_short_value_is_taken_out_only_where_a_secret_stands() -> None:
    redactor = Redactor()
    redactor.learn("sesam", "env:PIN")
    redactor.learn("abc", "env:TOO_SHORT")
    assert redactor.text("pin=sesam, 'sesam'") == "pin=[secret env:PIN], '[secret env:PIN]'"
    assert redactor.text("sesam oil, abc") == "sesam oil, abc"


def test_of_two_values_that_begin_alike_each_has_its_own_name() -> None:
    redactor = Redactor()
    redactor.learn("github_number_one_0001_aaaaaaaaaa", "one")
    redactor.learn("github_number_one_0001_bbbbbbbbbb", "two")
    assert redactor.text("github_number_one_0001_bbbbbbbbbb") == "[secret two]"


def test_a_tree_is_redacted_whole_with_its_keys(redactor: Redactor) -> None:
    tree = {"a": [{"text": f"x {TOKEN}"}, 3, None], TOKEN: True, "api_token": "This is needed"}
    shown = f"[secret {NAME}]"
    assert redactor.tree(tree) == {
        "a": [{"text": f"x {shown}"}, 3, None],
        shown: True,
        "api_token": "This is needed",
    }


def test_a_tree_without_end_is_withheld_and_does_not_end_the_bot(redactor: Redactor) -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert WITHHELD in str(redactor.tree(endless))


def test_a_file_is_redacted_if_it_is_a_text(redactor: Redactor) -> None:
    assert redactor.content(f"é {TOKEN}".encode()) == f"é [secret {NAME}]".encode()
    picture = bytes(range(256)) + TOKEN.encode()
    assert redactor.content(picture) == picture
    assert base64.b64decode(redactor.base64(base64.b64encode(TOKEN.encode()).decode())) == (
        f"[secret {NAME}]".encode()
    )


def test_what_cannot_be_judged_is_withheld(redactor: Redactor) -> None:
    class Strange(str):
        def lower(self) -> str:
            raise RuntimeError("no")

    assert redactor.text(Strange(TOKEN)) == WITHHELD


#: How long an example takes is not what is tested.
patient = settings(deadline=None)
strange_text = st.text(
    st.sampled_from("xoxb-AKIAeyJ.:/@\"'\\\n\r\tnu2b0{}[]=,password token\u200b\ud83d\u2028é1"),
    max_size=80,
)


@patient
@given(strange_text, strange_text)
def test_wherever_a_value_stands_it_is_taken_out(before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn(TOKEN, NAME)
    assert TOKEN not in redactor.text(before + TOKEN + after)


@patient
@given(strange_text)
def test_doing_it_again_changes_nothing(text: str) -> None:
    redactor = Redactor()
    redactor.learn(TOKEN, NAME)
    once = redactor.text(text)
    assert redactor.text(once) == once


@patient
@given(
    st.recursive(
        st.none() | st.integers() | strange_text | st.just(TOKEN) | st.sampled_from([*SHAPED]),
        lambda inner: st.lists(inner) | st.dictionaries(strange_text, inner),
        max_leaves=8,
    ),
    st.booleans(),
)
def test_json_stays_json(tree: Any, ascii_only: bool) -> None:
    redactor = Redactor()
    redactor.learn(TOKEN, NAME)
    redactor.learn('nu2b0password"\\', "odd")
    for text in (json.dumps(tree, ensure_ascii=ascii_only), json.dumps([json.dumps(tree)])):
        json.loads(redactor.text(text))


@pytest.mark.parametrize(
    "hostile",
    ["eyJ-" * 10_000, " " * 40_000, "://a:" * 8_000, "-----BEGIN PRIVATE KEY-----" * 1500,
     'token="' * 6_000, "\\" * 40_000, "password=" * 4_000, "AKIAAAAAAAAAAAAAAAAA " * 2_000,
     "\u200b" * 40_000, "bearer " * 6_000, 'token=\\\\"' * 4_000, "cookie:" * 6_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_a_text_made_to_be_slow_is_not(redactor: Redactor, hostile: str) -> None:
    began = time.process_time()
    redactor.text(hostile)
    assert time.process_time() - began < 2.0  # It takes milliseconds; a trap would take minutes.


def test_each_of_many_values_is_known() -> None:
    redactor, dice = Redactor(), random.Random(7)
    values = [f"{dice.getrandbits(160):040x}" for _ in range(200)]
    for value in values:
        redactor.learn(value, value[:4])
    for value in values:
        assert redactor.text(f"it is {value}.") == f"it is [secret {value[:4]}]."
