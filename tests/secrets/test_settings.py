"""Settings say where secrets are kept, and no secret is in them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import app
from bot.settings import Settings

TOKEN = "xoxb-2345678901-AbCdEfGhIjKl"


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "runbook-bot.toml"
    path.touch()
    monkeypatch.setenv("RUNBOOK_BOT_SETTINGS", str(path))
    return path


def refused() -> str:
    with pytest.raises(ValidationError) as error:
        Settings()
    whole = f"{error.value} {error.value!r}"
    assert TOKEN not in whole and "hunter2" not in whole
    return whole


def test_a_variable_that_holds_a_secret_is_where_it_is_kept(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_BOT_SLACK__BOT_TOKEN", TOKEN)
    monkeypatch.setenv("runbook_bot_tickets__token", "hunter2")
    settings = Settings()
    assert settings.references == {
        "slack.bot_token": "env:RUNBOOK_BOT_SLACK__BOT_TOKEN",
        "tickets.token": "env:runbook_bot_tickets__token",
    }
    assert TOKEN not in repr(settings) and TOKEN not in settings.model_dump_json()


def test_a_variable_may_hold_a_reference(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_BOT_SLACK__BOT_TOKEN", "file:/run/secrets/bot_token")
    monkeypatch.setenv("RUNBOOK_BOT_PAGER__API_TOKEN", "")
    assert Settings().references == {"slack.bot_token": "file:/run/secrets/bot_token"}


def test_the_file_says_where_secrets_are_kept(toml: Path) -> None:
    toml.write_text('[slack]\nbot_token = "aws:prod/bot#slack"\n[postgres]\ndsn = "env:DSN"')
    assert Settings().references == {
        "slack.bot_token": "aws:prod/bot#slack",
        "postgres.dsn": "env:DSN",
    }


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (f'[slack]\nbot_token = "{TOKEN}"', "slack.bot_token"),
        ('[tickets]\ntoken = "hunter2"', "tickets.token"),
        ('[postgres]\ndsn = "postgresql://bot:hunter2@db/prod"', "postgres.dsn"),
        ('[store]\nurl = "postgresql://bot:hunter2@db/bot"', "store.url"),
        ('[status_pages]\nmeta_url = "https://me:hunter2@meta"', "status_pages.meta_url"),
        (f'[pager.people]\n"lena@example.com" = "{TOKEN}"', "pager.people.lena@example.com"),
        (f'[[company.services]]\nname = "x"\nhealth_url = "https://x/?t={TOKEN}"',
         "company.services.health_url"),
    ],
)  # fmt: skip
def test_a_secret_in_the_file_is_refused_by_its_name(toml: Path, content: str, name: str) -> None:
    toml.write_text(content)
    assert name in refused()


def test_a_secret_within_the_json_of_a_whole_table_is_refused(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_BOT_SLACK", f'{{"bot_token": "{TOKEN}"}}')
    assert "slack.bot_token" in refused()


def test_an_address_with_a_password_is_kept_in_its_variable_and_one_without_is_a_setting(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_BOT_STORE__URL", "postgresql://bot:hunter2@db/bot")
    assert Settings().store.url == "env:RUNBOOK_BOT_STORE__URL"
    monkeypatch.setenv("RUNBOOK_BOT_STORE__URL", "postgresql://bot@db/bot")
    assert Settings().store.url == "postgresql://bot@db/bot"
    assert Settings().references == {}


def test_to_keep_secrets_in_the_store_needs_keys(toml: Path) -> None:
    toml.write_text('[secrets]\nkeep = "store"')
    assert "secrets.keys" in refused()


def test_the_bot_does_not_start_with_a_secret_in_its_file_and_says_what_to_write(
    toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml.write_text(f'[slack]\nbot_token = "{TOKEN}"')
    assert app.main([]) == app.WRONG_SETTINGS
    said = capsys.readouterr().err
    assert said.startswith("settings: slack.bot_token: this is no reference to a secret. Write")
    assert "env:NAME" in said and TOKEN not in said


def test_the_bot_does_not_start_without_a_secret_that_its_settings_name(
    toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml.write_text('[slack]\nbot_token = "file:/none/here"\n[tickets]\ntoken = "env:NONE_HERE"')
    assert app.main([]) == app.NOT_STARTED
    said = capsys.readouterr().err
    assert "file:/none/here" in said and "env:NONE_HERE" in said
