"""`python app.py audit`: verified and exported, beside a bot that writes and without any bot."""

import asyncio
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

import app
from bot.engine.audit import note
from bot.store.auditing import entries_after, verdict_of
from bot.store.beside import beside
from bot.store.chain import Entry
from bot.store.store import Store
from tests.store.databases import place

AT = 1_769_868_000.0  # 2026-01-31 14:00:00 UTC
NOBODY = 65534
Told = tuple[int, str, str]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """What `python app.py audit ...` ends with and prints."""

    def tell(*words: object) -> Told:
        status = app.main(["audit", *map(str, words)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return tell


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A store of ten entries: five of each of two runs, a minute apart."""

    async def make() -> None:
        store = Store(f"sqlite:///{tmp_path}/bot.db")
        await store.open()
        await store.tx(_ten)
        await store.close()

    asyncio.run(make())
    return (tmp_path / "bot.db").rename(tmp_path / "50% of? a copy.db")


def _ten(c: sa.Connection) -> None:
    for n in range(10):
        by = "U1" if n else "=cmd|' /C calc'!A0"
        note(c, AT + 60 * n, f"R{n % 2}", "picked", f"s{n}", by, says="ä, \u202e\n", n=n)


def entries_of(path: Path) -> list[Entry]:
    async def read() -> list[Entry]:
        async with beside(sa.URL.create("sqlite", database=str(path))) as store:
            return await store.read(entries_after, 0)

    return asyncio.run(read())


def forge(path: Path, *statements: str) -> None:
    """As somebody does who may do everything with the file."""
    with sqlite3.connect(path) as connection:
        triggers = "select name from sqlite_master where type = 'trigger' and tbl_name = 'audit'"
        for (name,) in connection.execute(triggers).fetchall():
            connection.execute(f"drop trigger {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_whole_log_is_said_to_be_whole_with_its_newest_entry(
    told: Callable[..., Told], log: Path
) -> None:
    status, out, _ = told("verify", "--store", log)
    newest = entries_of(log)[-1]
    assert status == 0
    assert "Whole: 10 entries, 2026-01-31 14:00:00.000000 UTC to 2026-01-31 14:09" in out
    assert f"10:{newest.hash}" in out


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("update audit set about = 's9' where seq = 4", "Entry 4 (2026-01-31 14:03:00"),
        ("delete from audit where seq = 4", "Entry 4 is missing"),
        ("delete from audit where seq > 8", "Entries 9 to 10 are missing at the end"),
        ("delete from audit_head", "The log's own head is missing"),
        ("update audit_head set hash = ''", "Entry 10 (2026-01-31 14:09:00"),
        ("insert into audit select 11, at, run, what, about, by, body, before, hash from audit"
         " where seq = 3", "Entry 11"),
    ],
)  # fmt: skip
def test_what_was_done_to_the_store_is_named_and_the_status_is_1(
    told: Callable[..., Told], log: Path, statement: str, named: str
) -> None:
    forge(log, statement)
    status, out, _ = told("verify", "--store", log)
    assert status == 1
    assert named in out and "NOT WHOLE" in out


def test_a_tail_that_was_cut_off_with_its_head_is_found_by_an_anchor(
    told: Callable[..., Told], log: Path
) -> None:
    before = entries_of(log)
    kept, left = before[-1], before[7]
    forge(
        log,
        "delete from audit where seq > 8",
        f"update audit_head set seq = 8, hash = '{left.hash}'",
    )
    assert told("verify", "--store", log)[0] == 0
    status, out, _ = told("verify", "--store", log, "--anchor", f"{kept.seq}:{kept.hash}")
    assert status == 1
    assert "Entry 10 was anchored (as given) and is missing" in out


def test_anchors_that_the_store_itself_remembers_are_looked_at(
    told: Callable[..., Told], log: Path
) -> None:
    newest = entries_of(log)[-1]
    forge(
        log,
        f"insert into audit_anchors values ('2026-01-31', 10, '{newest.hash}', {AT}, null)",
        "delete from audit where seq = 10",
        f"update audit_head set seq = 9, hash = '{entries_of(log)[-2].hash}'",
    )
    status, out, _ = told("verify", "--store", log)
    assert status == 1 and "anchored (on 2026-01-31)" in out


def test_an_export_is_verified_without_the_store(
    told: Callable[..., Told], log: Path, tmp_path: Path
) -> None:
    _, out, _ = told("export", "--store", log)
    file = tmp_path / "export.jsonl"
    file.write_text(out)
    newest = entries_of(log)[-1]
    log.unlink()
    status, out, _ = told("verify", "--file", file, "--anchor", f"10:{newest.hash}")
    assert status == 0
    assert "Whole: 10 entries" in out and "Anchors that fit: 1" in out


def test_an_anchor_of_an_entry_that_a_selection_has_not_is_not_said_to_fit(
    told: Callable[..., Told], log: Path, tmp_path: Path
) -> None:
    _, out, _ = told("export", "--store", log, "--run", "R1")
    file = tmp_path / "export.jsonl"
    file.write_text(out)
    there, not_there = entries_of(log)[7].hash, "0" * 64
    given = ("--anchor", f"8:{there}", "--anchor", f"5:{not_there}")
    status, out, _ = told("verify", "--file", file, "--part", *given)
    assert status == 0 and "Anchors that fit: 1." in out
    assert "NOT COMPARED" in out and "anchors of entry 5." in out


Lines = list[str]


def _changed(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace('"picked"', '"denied"'), *lines[4:]]


def _twice(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace('"what"', '"what": "denied", "what"'), *lines[4:]]


def _retimed(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace("14:03:00", "14:03:01"), *lines[4:]]


def _swapped(lines: Lines) -> Lines:
    return [*lines[:3], lines[7], *lines[4:7], lines[3], *lines[8:]]


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (_changed, ["Entry 4 (2026-01-31 14:03:00.000000 UTC, denied s3 by U1, run R1) was ch"]),
        (_twice, ["Line 4 cannot be read as an entry: it was changed"]),
        (_retimed, ["Line 4 cannot be read as an entry: it was changed"]),
        (_swapped, ["stands in the place of entry 4", "stands in the place of entry 8"]),
        (lambda lines: [*lines[:3], *lines[4:]], ["Entry 4 is missing"]),
        (lambda lines: [*lines, lines[3]], ["Entry 4", "was inserted once more"]),
        (lambda lines: [*lines[:3], "hello", *lines[3:]], ["Line 4 cannot be read as an entry"]),
        (lambda lines: lines[2:], ["Entries 1 to 2 are missing"]),
    ],
)  # fmt: skip
def test_what_was_done_to_an_export_is_named(
    told: Callable[..., Told],
    log: Path,
    tmp_path: Path,
    alter: Callable[[Lines], Lines],
    named: Sequence[str],
) -> None:
    _, out, _ = told("export", "--store", log)
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join(alter(out.splitlines())) + "\n")
    status, out, _ = told("verify", "--file", file)
    assert status == 1
    assert [one for one in named if one not in out] == []


def test_one_run_or_what_was_since_is_exported_and_verified_as_a_part(
    told: Callable[..., Told], log: Path, tmp_path: Path
) -> None:
    _, out, _ = told("export", "--store", log, "--run", "R1", "--since", "2026-01-31T14:03")
    exported = [json.loads(one) for one in out.splitlines()]
    assert [one["seq"] for one in exported] == [4, 6, 8, 10]
    file = tmp_path / "part.jsonl"
    file.write_text(out)
    assert told("verify", "--file", file)[0] == 1
    status, said, _ = told("verify", "--file", file, "--part")
    assert status == 0 and "is not known" in said
    assert told("verify", "--store", log, "--part")[0] == 2


def test_csv_has_every_field_and_nothing_that_a_spreadsheet_calculates(
    told: Callable[..., Told], log: Path
) -> None:
    _, out, _ = told("export", "--store", log, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 10
    assert rows[0]["by"] == "'=cmd|' /C calc'!A0"
    assert rows[3]["time"] == "2026-01-31 14:03:00.000000 UTC"
    assert json.loads(rows[3]["body"]) == {"says": "ä, \u202e\n", "n": 3}
    assert [row["hash"] for row in rows] == [one.hash for one in entries_of(log)]
    assert out.isascii()


def test_what_cannot_be_looked_at_is_not_said_to_be_whole(
    told: Callable[..., Told], tmp_path: Path
) -> None:
    assert told("verify", "--store", tmp_path / "none.db")[0] == 2
    (tmp_path / "empty.db").touch()
    status, out, err = told("verify", "--store", tmp_path / "empty.db")
    assert (status, out) == (2, "") and "store cannot be read" in err
    (tmp_path / "noise.jsonl").write_bytes(b"\xff\xfe")
    assert told("verify", "--file", tmp_path / "noise.jsonl")[0] == 2


@pytest.mark.parametrize("wrong", ["17", "17:ab", "x:" + "0" * 64, "0:" + "0" * 64])
def test_an_anchor_that_is_none_is_refused(told: Callable[..., Told], wrong: str) -> None:
    with pytest.raises(SystemExit) as ended:
        told("verify", "--anchor", wrong)
    assert ended.value.code == 2


def test_a_copy_is_verified_where_nothing_can_be_written(log: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copy(log, folder / "bot.db")
        (folder / "bot.db").chmod(0o444)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            os._exit(app.main(["audit", "verify", "--store", str(folder / "bot.db")]))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert [one.name for one in folder.iterdir()] == ["bot.db"]


@pytest.mark.slow
async def test_the_log_is_verified_and_exported_while_a_bot_writes_to_it(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/bot.db")
    await store.open()
    turns, seen = 0, []
    for words in (["verify"], ["verify"], ["export"]):
        looking = asyncio.create_task(_beside(tmp_path, *words))
        while not looking.done():
            await store.tx(lambda c: note(c, AT, "R1", "picked", "s1", "U1"))
            turns += 1
        seen.append(await looking)
    assert [status for status, _ in seen] == [0, 0, 0], seen
    assert seen[0] != seen[1]  # it went on meanwhile
    (tmp_path / "export.jsonl").write_text(seen[2][1])
    assert (await _beside(tmp_path, "verify", "--file", str(tmp_path / "export.jsonl")))[0] == 0
    await store.close()
    with sqlite3.connect(tmp_path / "bot.db") as connection:  # the readers took nothing with them
        assert connection.execute("select count(*) from audit").fetchone() == (turns,)
    connection.close()


async def _beside(folder: Path, *words: str) -> tuple[int | None, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "app.py", "audit", *words,
        env=os.environ | {"RUNBOOK_BOT_STORE__URL": f"sqlite:///{folder}/bot.db"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await child.communicate()
    return child.returncode, out.decode()


@pytest.mark.slow
async def test_a_log_on_postgresql_is_verified_and_exported_too(tmp_path: Path) -> None:
    async with place("postgresql", tmp_path) as there:
        store = await there.open()
        await store.tx(_ten)
        async with beside(sa.make_url(there.url)) as look:
            assert (await look.read(verdict_of, [])).count == 10
            assert len(await look.read(entries_after, 4)) == 6
            with pytest.raises(Exception, match="read-only"):
                await look.read(_ten)
