"""Secrets are read where they are kept, when they are needed, and again when they have changed."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from bot.runbook.errors import Refused, Unreachable
from bot.secrets.providers import Environment, Files
from bot.secrets.redaction import REDACTOR
from bot.secrets.reference import Reference
from bot.secrets.vault import AGAIN_S, FRESH_S, Credential, NotAccepted, Vault
from tests.credentials import Kept

OLD, NEW = "old-token-0123456789", "new-token-9876543210"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept() -> Kept:
    return Kept(OLD)


@pytest.fixture
def credential(kept: Kept, clock: Clock) -> Credential:
    return Credential(Reference("aws:bot/token"), kept, clock)


@pytest.mark.parametrize(
    ("text", "scheme", "name", "field"),
    [
        ("env:THE_TOKEN", "env", "THE_TOKEN", ""),
        ("file:/run/secrets/token", "file", "/run/secrets/token", ""),
        ("aws:prod/bot", "aws", "prod/bot", ""),
        ("aws:prod/bot#token", "aws", "prod/bot", "token"),
        ("aws:arn:aws:secretsmanager:eu-central-1:1:secret:bot-AbC#t", "aws",
         "arn:aws:secretsmanager:eu-central-1:1:secret:bot-AbC", "t"),
    ],
)  # fmt: skip
def test_a_reference_says_where_a_secret_is_kept(
    text: str, scheme: str, name: str, field: str
) -> None:
    reference = Reference(text)
    assert (reference.scheme, reference.name, reference.field) == (scheme, name, field)
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    ["xoxb-123-abc", "", "env:", "env:A B", "file:relative", "aws:a#b#c", "vault:x", 'file:/a"b'],
)
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="Write") as refused:
        Reference(text)
    assert len(text) < 7 or text not in str(refused.value)


async def test_a_value_is_read_once_and_known_to_the_redactor(
    credential: Credential, kept: Kept
) -> None:
    assert [await credential.value(), await credential.value()] == [OLD, OLD]
    assert kept.reads == 1
    assert REDACTOR.text(f"it is {OLD}") == "it is [secret aws:bot/token]"
    assert OLD not in repr(credential)


async def test_many_who_ask_at_once_make_one_read(credential: Credential, kept: Kept) -> None:
    await asyncio.gather(*(credential.value() for _ in range(20)))
    assert kept.reads == 1


async def test_a_value_that_got_old_is_read_again_and_nobody_waits(
    credential: Credential, kept: Kept, clock: Clock
) -> None:
    await credential.value()
    kept.value, clock.now = NEW, FRESH_S + 1
    assert await credential.value() == OLD
    assert credential._refreshing
    await credential._refreshing
    assert await credential.value() == NEW
    assert REDACTOR.holds(OLD) and REDACTOR.holds(NEW)


async def test_while_the_place_does_not_answer_the_value_is_what_it_was(
    credential: Credential, kept: Kept, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await credential.value()
    kept.value, clock.now = Unreachable("AWS did not answer"), FRESH_S + 1
    await credential.value()
    assert credential._refreshing
    await credential._refreshing
    assert await credential.value() == OLD
    assert "AWS did not answer" in caplog.text and OLD not in caplog.text


async def test_a_secret_that_was_taken_away_is_used_no_more(
    credential: Credential, kept: Kept, clock: Clock
) -> None:
    await credential.value()
    kept.value, clock.now = Refused("There is no secret at aws:bot/token"), FRESH_S + 1
    await credential.value()
    assert credential._refreshing
    await credential._refreshing
    with pytest.raises(Refused, match="aws:bot/token"):
        await credential.value()


async def peer(token: str) -> str:
    """Accepts the new one alone."""
    if token != NEW:
        raise NotAccepted("It does not accept our credentials (HTTP 401)")
    return f"hello {token}"


async def test_a_value_that_was_changed_meanwhile_is_found_when_the_old_one_is_refused(
    credential: Credential, kept: Kept, clock: Clock
) -> None:
    await credential.value()
    kept.value, clock.now = NEW, AGAIN_S
    assert await credential.use(peer) == f"hello {NEW}"


async def test_a_wrong_value_is_said_to_be_wrong_and_asked_for_again_only_now_and_then(
    credential: Credential, kept: Kept, clock: Clock
) -> None:
    for _ in range(5):
        with pytest.raises(NotAccepted):
            await credential.use(peer)
    assert kept.reads == 1
    clock.now = AGAIN_S
    with pytest.raises(NotAccepted):
        await credential.use(peer)
    assert kept.reads == 2


async def test_an_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "hunter2\n")
    assert await Environment().read(Reference("env:THE_TOKEN")) == "hunter2"
    for absent in ({}, {"THE_TOKEN": " "}):
        with pytest.raises(Refused, match="env:THE_TOKEN"):
            await Environment(absent).read(Reference("env:THE_TOKEN"))


@pytest.mark.parametrize(
    ("content", "value"), [(b"a b\n", "a b"), (b"ab\r\n", "ab"), (b"a\n\n", "a\n"), (b"a", "a")]
)
async def test_one_line_end_behind_the_secret_in_a_file_is_not_part_of_it(
    tmp_path: Path, content: bytes, value: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    assert await Files().read(Reference(f"file:{tmp_path / 'token'}")) == value


async def test_a_file_that_is_changed_by_a_link_is_followed(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"version{number}").write_text(f"value {number}")
    link = tmp_path / "token"
    link.symlink_to("version1")
    assert await Files().read(Reference(f"file:{link}")) == "value 1"
    (tmp_path / "new").symlink_to("version2")
    (tmp_path / "new").replace(link)
    assert await Files().read(Reference(f"file:{link}")) == "value 2"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (b"", 0o600, "empty"),
        (b"\n", 0o600, "empty"),
        (b"a\0b", 0o600, "no text"),
        (b"\xff\xfe", 0o600, "UTF-8"),
        (b"x" * 70_000, 0o600, "64 kB"),
        (b"fine", 0o602, "anybody on the machine can write"),
    ],
)
async def test_a_file_that_holds_no_secret_is_refused_with_its_name(
    tmp_path: Path, content: bytes, mode: int, says: str
) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(Refused, match=says) as refused:
        await Files().read(Reference(f"file:{path}"))
    assert str(path) in str(refused.value)


async def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("pipe", "not a file"),
        ("nothing", "no such file"),
        ("", "cannot be read|not a"),
    ):
        with pytest.raises(Refused, match=says):
            await Files().read(Reference(f"file:{tmp_path / name}"))


async def test_all_that_is_misspelt_is_said_at_once_and_other_places_may_be_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Kept(Unreachable("AWS did not answer"))
    vault = Vault({"env": Environment({"GOOD": OLD}), "file": Files(), "aws": away})
    good, far = Reference("env:GOOD"), Reference("aws:far")
    await vault.check([good, far])
    assert "AWS did not answer" in caplog.text and REDACTOR.holds(OLD)
    with pytest.raises(Refused) as refused:
        await vault.check([good, far, Reference("env:NONE"), Reference("file:/none/here")])
    assert "env:NONE" in str(refused.value) and "file:/none/here" in str(refused.value)


async def test_there_is_one_credential_for_one_reference() -> None:
    vault = Vault({"env": Environment({})})
    first = vault.credential(Reference("env:A"))
    assert vault.credential(Reference("env:A")) is first
    assert vault.credential_if(None) is None


async def test_a_vault_that_closes_leaves_no_read_behind(
    kept: Kept, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault = Vault({"aws": kept}, clock)
    credential = vault.credential(Reference("aws:token"))
    await credential.value()
    clock.now = FRESH_S + 1
    await credential.value()
    await vault.close()
    assert credential._refreshing and credential._refreshing.done()
