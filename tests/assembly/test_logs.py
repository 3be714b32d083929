"""A record of the log is one line, and a terminal is given no orders, whatever others say."""

import io
import logging
import re
from pathlib import Path

import pytest
from aiohttp import web

import app
from assembly.logs import LONGEST, OneLine
from bot.runbook.terminal import written_out
from bot.secrets.reference import Reference
from bot.settings import AwsSettings, Settings, SlackSettings
from sandbox.peers.peer import Peer
from tests.hostile import MALICE

BEGINNING = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) [\w.]+ ")
every = pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)


@pytest.fixture
def told() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(told: io.StringIO) -> logging.Logger:
    handler = logging.StreamHandler(told)
    handler.setFormatter(OneLine())
    logger = logging.Logger("tests.of.the.log")  # Of nobody else, so nobody else hears it.
    logger.addHandler(handler)
    return logger


def assert_one_line(said: str) -> None:
    assert said.endswith("\n")
    line = said.removesuffix("\n")
    assert BEGINNING.match(line) and line.isprintable()
    assert len(line) <= LONGEST + 100


@every
def test_a_record_is_one_line_whatever_is_said_in_it(
    log: logging.Logger, told: io.StringIO, malice: str
) -> None:
    log.warning("turned away: %s", malice)
    assert_one_line(told.getvalue())


@every
def test_a_record_with_a_traceback_is_one_line_whatever_broke(
    log: logging.Logger, told: io.StringIO, malice: str
) -> None:
    try:
        try:
            raise KeyError(malice)
        except KeyError as error:
            raise RuntimeError(f"{malice} broke") from error
    except RuntimeError:
        log.exception("%s failed", malice, stack_info=True)
    assert_one_line(told.getvalue())
    if len(malice) < 100:
        assert "test_logs.py" in told.getvalue() and "RuntimeError" in told.getvalue()


@every
def test_what_is_written_out_is_what_was_said(malice: str) -> None:
    shown = written_out(malice)
    assert shown.isprintable() or not shown
    if "\\" not in malice:
        assert re.sub(r"\\(?:x..|u.{4}|U.{8}|[ntr])", _meant, shown) == malice


def _meant(found: re.Match[str]) -> str:
    return found[0].encode().decode("unicode_escape")


def test_ordinary_words_are_written_as_they_are() -> None:
    for said in ("7F3K: Größe 東京 🚀", r"C:\new", "50 % {0} %s"):
        assert written_out(said) == said


def test_what_is_to_be_rewritten_is_rewritten_before_it_is_one_line(told: io.StringIO) -> None:
    handler = logging.StreamHandler(told)
    handler.setFormatter(OneLine(lambda text: text.replace("two\nlines", "***")))
    handler.handle(logging.makeLogRecord({"msg": "a two\nlines b", "levelname": "INFO"}))
    assert told.getvalue().endswith("a *** b\n")


class Slanderer(Peer):
    """Refuses everything, in the words it is given."""

    words = ""

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._refuse)]

    async def _refuse(self, request: web.Request) -> web.Response:
        if request.path.startswith("/api/"):
            return web.json_response({"ok": False, "error": self.words})
        answer = {"__type": "ValidationException", "message": self.words}
        return web.json_response(answer, status=400)


@pytest.mark.slow
async def test_the_doctor_gives_the_terminal_no_orders(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNBOOK_BOT_SETTINGS", str(tmp_path / "none.toml"))
    monkeypatch.setenv("A_TOKEN", "xoxb-1-not-a-secret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    async with Slanderer() as other:
        settings = Settings(
            slack=SlackSettings(bot_token=Reference("env:A_TOKEN"), api_url=f"{other.url}/api/"),
            aws=AwsSettings(endpoint_url=other.url),
        )
        for name in ("ANSI", "line ends", "half a pair", "right to left", "a line of ours"):
            other.words = MALICE[name]
            assert await app.doctor(settings) > 0
            lines = capsys.readouterr().out.splitlines()
            assert all(line.isprintable() for line in lines)
            assert {line[:6] for line in lines} == {"NOT OK", "ok    "}
