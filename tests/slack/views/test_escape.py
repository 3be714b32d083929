"""Nothing that came from outside can mention, link, format, or hide."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runbook.mrkdwn import inert
from bot.slack.views.escape import (
    BLANKS,
    clean,
    cut,
    cut_mrkdwn,
    mention,
    mrkdwn,
    one_line,
    spoken,
)
from bot.slack.views.kit import plain, text
from tests.hostile import MALICE
from tests.live import Live, is_foreign, live_in
from tests.slack.views.sample import HOSTILE

ENTITY = re.compile(r"&(?!(amp|lt|gt);)")
#: What stands for a mark, and the mark.
LOOKED_LIKE = str.maketrans("∗∼ˋˍ∶∕․›", "*~`_:/.>")  # noqa: RUF001
hostile = st.one_of(st.text(), st.text(alphabet="<>&!@#|*_`\n\u202e\u200b;ampltg"))


@given(hostile, st.integers(5, 60))
def test_escaped_text_has_no_angle_bracket_and_no_half_entity(said: str, limit: int) -> None:
    shown = mrkdwn(said, limit)
    assert "<" not in shown
    assert ">" not in shown
    assert not ENTITY.search(shown)
    assert len(shown) <= limit


@given(hostile)
def test_whatever_is_shown_can_be_seen(said: str) -> None:
    shown = clean(said)
    assert all(char == "\n" or char.isprintable() for char in shown)
    assert BLANKS.isdisjoint(shown)


@given(hostile)
def test_what_is_shown_on_one_line_stays_on_it(said: str) -> None:
    assert len(one_line(said).splitlines()) <= 1


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_ordinary_text_is_shown_as_it_is(said: str) -> None:
    assert clean(said) == said
    unescaped = mrkdwn(said, 10_000).replace("&lt;", "<").replace("&gt;", ">")
    assert unescaped.replace("&amp;", "&").translate(LOOKED_LIKE) == said.strip()


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_says_that_it_is_cut(said: str, limit: int) -> None:
    shown = cut(said, limit)
    assert len(shown) <= limit
    assert shown == said or shown.endswith("…")


def test_a_right_to_left_mark_in_a_command_is_seen() -> None:
    assert clean("rm safe\u202egnp.exe") == "rm safe⟨U+202E⟩gnp.exe"
    assert clean("com\u200bplyai") == "com⟨U+200B⟩plyai"


def test_letters_of_other_scripts_stay() -> None:
    for word in ("Größe", "東京", "שלום", "naïve", "é", "e\u0301", "🚀"):
        assert clean(word) == word


def test_a_tower_of_marks_cannot_paint_over_other_lines() -> None:
    shown = clean("a" + "\u0301" * 500 + "b")
    assert sum(map(bool, map(unicodedata.combining, shown))) == 3
    assert shown.endswith("b")


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
def test_nothing_of_it_is_live_in_mrkdwn(malice: str) -> None:
    for shown in (mrkdwn(malice), mention(malice), inert(malice)):
        assert not [one for one in live_in(shown) if is_foreign(one)], shown
    ours = live_in(f"x *y {mrkdwn(malice, 75) or 1}* z")
    assert [one.kind for one in ours] == ["bold"]


@given(st.text(alphabet="evil <>&!@#|*_`~:/.\nwh\u00e9", min_size=1))
def test_nothing_of_any_text_is_live_in_mrkdwn(said: str) -> None:
    assert not live_in(mrkdwn(said))


def test_a_sentence_keeps_what_can_be_typed_and_nothing_else() -> None:
    said = "No runbook has *evil* in it. `/runbook list` shows <!channel> and _all_."
    assert live_in(spoken(said)) == [Live("code", "/runbook list")]


@pytest.mark.parametrize("text", [mrkdwn("<&>" * 40), "x <@U0DANA0000>, " * 9])
def test_what_is_cut_is_cut_between_entities_and_mentions(text: str) -> None:
    for limit in range(2, len(text)):
        shown = cut_mrkdwn(text, limit)
        assert len(shown) <= limit
        assert not ENTITY.search(shown) and shown.count("<") == shown.count(">")


def test_the_corpus_is_live_where_it_is_not_escaped() -> None:
    raw = [one for malice in MALICE.values() for one in live_in(malice) if is_foreign(one)]
    kinds = {one.kind for one in raw}
    assert kinds == {"mention", "link", "code", "bold", "italic", "strike", "quote", "emoji"}


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_only_an_id_becomes_a_mention(malice: str) -> None:
    assert "<" not in mention(malice)
    assert mention("U0DANA0000") == "<@U0DANA0000>"
    assert mention("S0OPS0000") == "<!subteam^S0OPS0000>"
    assert mention("U0DANA> <!channel") == "U0DANA&gt; &lt;!channel"


def test_plain_and_rich_text_carry_notation_as_it_was_typed() -> None:
    typed = "*bold* <!channel> :fire: `x`"
    assert plain(typed, 100) == {"type": "plain_text", "text": typed, "emoji": False}
    assert text(typed) == {"type": "text", "text": typed}
