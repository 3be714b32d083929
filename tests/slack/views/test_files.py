"""What is attached leads nowhere by its name, calculates nothing, and has no lines but ours."""

import csv
import io
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.engine.record import Origin, Said
from bot.runbook.findings import Table
from bot.slack.announcer import SlackAnnouncer
from bot.slack.views.changes import whole_plan_text
from bot.slack.views.escape import LONGEST_LINE, LONGEST_NAME, clean, file_name
from bot.slack.views.step import table_text
from bot.slack.views.timeline import timeline_name, timeline_text
from bot.store.exporting import whole_cell
from tests.hostile import MALICE
from tests.slack.views.sample import hostile_approval, hostile_run, outage, with_approval

every = pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
DEVICES = {"con", "prn", "aux", "nul", *(f"{one}{n}" for one in ("com", "lpt") for n in range(10))}
OF_A_TIMELINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  |Timeline of|started by|All times|$"
OF_A_PLAN = r"RB-INC-001|CHANGE|asked by|sha-256|\d\. |what$|now|then|undo|why|beware|    |$"
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@every
def test_a_file_is_called_by_letters_that_lead_nowhere(malice: str) -> None:
    for name in (malice, f"{malice}.png", f"timeline-{malice}.txt", malice * 3):
        called = file_name(name)
        assert re.fullmatch(r"[\w][\w.-]*", called, re.ASCII) and len(called) <= LONGEST_NAME + 1
        assert called.split(".")[0].lower() not in DEVICES
        assert not called.endswith(".")
    assert timeline_name(replace(outage(), id=malice)).isascii()


@pytest.mark.parametrize(
    "name", ["timeline-7F3K.txt", "services.png", "plan-ab_cd-e.txt", "a.csv"]
)
def test_a_name_of_ours_stays_as_it_is(name: str) -> None:
    assert file_name(name) == name


@every
def test_no_cell_is_calculated_or_becomes_two(malice: str) -> None:
    whole = Table((malice, "n"), ((malice, 1), (f"a{malice}", -2.5)))
    rows = list(csv.reader(io.StringIO(table_text(whole), newline="")))
    assert [len(row) for row in rows] == [2, 2, 2]
    assert [row[1] for row in rows] == ["n", "1", "-2.5"]
    for row, put in zip(rows, (malice, malice, f"a{malice}"), strict=True):
        assert row[0].removeprefix("'") == whole_cell(clean(put)).removeprefix("'")
        assert len(row[0]) < 2 or not row[0].lstrip().startswith(FORMULA)
    between = re.sub(r'"(?:[^"]|"")*"', "", table_text(whole))
    assert set(between) <= set("\r\n,-.0123456789")


@every
def test_no_cell_is_calculated_where_semicolons_begin_the_next_one(malice: str) -> None:
    whole = Table(("a", "b"), (("a", f"b;{malice}"), ("a", f"b\n{malice}")))
    rows = csv.reader(io.StringIO(table_text(whole), newline=""), delimiter=";")
    cells = [cell for row in rows for cell in row]
    assert not [one for one in cells if len(one) > 1 and one.startswith(FORMULA)]


@every
def test_a_file_has_no_line_that_could_pass_for_one_of_ours(malice: str) -> None:
    asked = hostile_approval(malice)
    run = with_approval(replace(hostile_run(malice), id="7F3K"), asked)
    for text, ours in (
        (timeline_text(run), OF_A_TIMELINE),
        (whole_plan_text(asked, run), OF_A_PLAN),
    ):
        lines = text.split("\n")
        strange = [one for one in lines if not re.match(ours, one) and one[:8] != " " * 8]
        assert strange == []
        assert all(one.isprintable() for one in lines)
    begun = [one for one in timeline_text(run).split("\n") if re.match(r"\d{4}-", one)]
    harmless = timeline_text(with_approval(hostile_run("x"), hostile_approval("x")))
    assert len(begun) == len([one for one in harmless.split("\n") if re.match(r"\d{4}-", one)])


def test_nothing_is_cut_from_a_timeline() -> None:
    long = "x" * (2 * LONGEST_LINE)
    assert long in timeline_text(hostile_run(long))


@every
def test_where_a_run_came_from_is_a_link_to_slack_and_a_title(malice: str) -> None:
    run = replace(outage(), origin=Origin(malice or "C0", malice))
    made = {one.name: one for one in SlackAnnouncer().announce(run, [Said("room opened")])}
    bookmark = made["7F3K/bookmark"].payload
    address = urlsplit(bookmark["link"])
    assert (address.scheme, address.netloc, address.path) == (
        "https", "slack.com", "/app_redirect"
    )  # fmt: skip
    assert set(parse_qs(address.query, keep_blank_values=True)) == {"channel"}
    assert bookmark["title"].isprintable() and len(bookmark["title"]) <= 100
