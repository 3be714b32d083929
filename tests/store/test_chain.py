"""Whatever is done to the audit log without writing all of it anew is found, and named rightly."""

import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.store.chain import EMPTY, Entry, Head, canonical, follow
from bot.store.verifying import Anchor, Verdict, verify
from tests.store.chains import BODIES, TEXTS, chain, chains, head_of


def seqs(verdict: Verdict) -> list[int]:
    return [fault.seq for fault in verdict.faults]


def says(verdict: Verdict) -> str:
    return " ".join(fault.says for fault in verdict.faults)


@given(chains(at_least=0))
def test_a_chain_that_nobody_touched_is_whole(entries: list[Entry]) -> None:
    verdict = verify(entries, head_of(entries))
    assert verdict.is_whole
    assert verdict.count == len(entries)


def test_the_hash_of_an_entry_is_for_ever_what_it_was() -> None:
    first = follow(EMPTY, 1_700_000_000.25, "7F3K", "approved", "p1", "U2", '{"digest":"ab"}')
    who, body = '"7F3K","approved","p1","U2"', '"{\\"digest\\":\\"ab\\"}"'
    written = f'["{"0" * 64}",1,1700000000.25,{who},{body}]'
    assert first.hash == hashlib.sha256(written.encode()).hexdigest()
    assert first.hash == "8820677730648c2ba1b5908b2848e83e0fbe87156df09d2fd88c46d5b5c82a99"


@given(chains(), st.data())
def test_a_changed_field_is_found_and_its_entry_named(
    entries: list[Entry], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from([name for name in Entry._fields if name != "seq"]))
    odd = st.none() | TEXTS | st.floats(allow_nan=False) | st.binary(max_size=3)
    value = data.draw(odd)
    was = getattr(entries[place], field)
    assume(value != was or type(value) is not type(was))
    changed = list(entries)
    changed[place] = Entry(**{**entries[place]._asdict(), field: value})
    verdict = verify(changed, head_of(entries))
    assert seqs(verdict) == [entries[place].seq]
    assert "was changed" in says(verdict)


@given(chains(), st.data())
def test_a_removed_entry_is_found_and_named(entries: list[Entry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    left = entries[:place] + entries[place + 1 :]
    verdict = verify(left, head_of(entries))
    assert seqs(verdict) == [entries[place].seq]
    assert f"Entry {place + 1} is missing" in says(verdict)


@given(chains(at_least=2), st.data())
def test_entries_that_changed_places_are_found_and_both_named(
    entries: list[Entry], data: st.DataObject
) -> None:
    one = data.draw(st.integers(0, len(entries) - 2))
    two = data.draw(st.integers(one + 1, len(entries) - 1))
    swapped = list(entries)
    swapped[one] = entries[two]._replace(seq=entries[one].seq)
    swapped[two] = entries[one]._replace(seq=entries[two].seq)
    verdict = verify(swapped, head_of(entries))
    assert seqs(verdict) == [one + 1, two + 1]
    assert f"was written as entry {one + 1}" in says(verdict)
    assert f"was written as entry {two + 1}" in says(verdict)


def forged_after(head: Head) -> Entry:
    """An entry that somebody made, with the hash of what it says."""
    return follow(head, 1.0, "7F3K", "approved", "p1", "U666", canonical({"reason": "forged"}))


@given(chains(), st.data())
def test_an_inserted_entry_is_found_and_named_although_the_numbers_were_made_to_fit(
    entries: list[Entry], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(entries)))
    forged = forged_after(head_of(entries[:place]))
    later = [one._replace(seq=one.seq + 1) for one in entries[place:]]
    verdict = verify([*entries[:place], forged, *later], head_of(entries))
    assert place + 1 in seqs(verdict)


@given(chains(), st.data())
def test_an_entry_beside_another_of_its_number_is_named_and_the_right_one_is_not(
    entries: list[Entry], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = forged_after(head_of(entries[:place]))
    first = data.draw(st.booleans())
    both = [forged, entries[place]] if first else [entries[place], forged]
    verdict = verify([*entries[:place], *both, *entries[place + 1 :]], head_of(entries))
    if place + 1 < len(entries):
        assert [fault.says for fault in verdict.faults] == [verdict.faults[0].says]
        assert "by U666" in says(verdict) and "was inserted" in says(verdict)
    assert set(seqs(verdict)) == {place + 1}


@given(chains(), st.data())
def test_an_entry_that_was_rewritten_with_a_hash_that_fits_is_found_by_its_neighbours(
    entries: list[Entry], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    rewritten = list(entries)
    rewritten[place] = forged_after(head_of(entries[:place]))
    verdict = verify(rewritten, head_of(entries))
    assert seqs(verdict) == [place + 1]
    assert "by U666" in says(verdict)


@given(chains(), st.data())
def test_an_entry_that_was_written_upon_another_past_is_the_one_that_is_named(
    entries: list[Entry], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    rewritten = list(entries)
    rewritten[place] = forged_after(Head(place, "f" * 64))
    assert seqs(verify(rewritten, head_of(entries))) == [place + 1]


def test_a_value_that_only_looks_like_what_was_there_is_found() -> None:
    entries = chain(2)
    entries[1] = follow(head_of(entries[:1]), 1.0, "R", "picked", "b'x'", "U1", "{}")
    assert verify(entries).is_whole
    entries[1] = Entry(**{**entries[1]._asdict(), "about": b"x"})
    assert seqs(verify(entries)) == [2]


@given(chains(at_least=2), st.data())
def test_who_rewrites_all_that_follows_is_found_by_an_anchor_and_by_nothing_else(
    entries: list[Entry], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(entries) - 2))
    forged = [*entries[:place], forged_after(head_of(entries[:place]))]
    for one in entries[place + 1 :]:
        forged.append(follow(head_of(forged), *one[1:7]))
    assert verify(forged, head_of(forged)).is_whole
    kept = data.draw(st.sampled_from(entries[place:]))
    verdict = verify(forged, head_of(forged), [Anchor(kept.seq, kept.hash)])
    assert seqs(verdict) == [kept.seq]
    assert "not the one that was anchored" in says(verdict)


@given(chains(), st.data())
def test_an_end_that_was_cut_off_with_its_head_is_found_by_an_anchor(
    entries: list[Entry], data: st.DataObject
) -> None:
    left = entries[: data.draw(st.integers(0, len(entries) - 1))]
    assert verify(left, head_of(left)).is_whole
    last = entries[-1]
    verdict = verify(left, head_of(left), [Anchor(last.seq, last.hash, "of 2026-01-31")])
    assert seqs(verdict) == [last.seq]
    assert "anchored (of 2026-01-31) and is missing" in says(verdict)


@given(chains(), st.data())
def test_a_selection_is_not_blamed_for_what_is_not_in_it(
    entries: list[Entry], data: st.DataObject
) -> None:
    chosen = [one for one in entries if data.draw(st.booleans())]
    assert verify(chosen, is_part=True).is_whole


def test_an_end_that_was_removed_is_missing_and_what_was_added_to_it_is_not_ours() -> None:
    entries = chain(9)
    removed = verify(entries[:6], head_of(entries))
    assert says(removed) == "Entries 7 to 9 are missing at the end: they were removed."
    added = verify(entries, head_of(entries[:8]))
    assert "Entry 9" in says(added) and "the log's own head is entry 8" in says(added)


def test_a_head_of_nothing_that_is_not_the_first_is_found() -> None:
    assert verify([], EMPTY).is_whole
    assert "not that of an empty log" in says(verify([], EMPTY._replace(hash="f" * 64)))


def test_a_sentence_says_which_when_what_who_and_in_which_run() -> None:
    entries = chain(3)
    entries[1] = entries[1]._replace(about="s9")
    assert says(verify(entries)) == (
        "Entry 2 (2023-11-14 22:13:22.000000 UTC, returned s9 by U1, run 7F3K) was changed:"
        " its hash is not of what it says."
    )


def test_what_was_put_into_an_entry_does_not_steer_a_terminal() -> None:
    entries = chain(1)
    entries[0] = entries[0]._replace(about="\x1b[2J\u202e")
    assert says(verify(entries)).isprintable()


def test_a_number_that_was_moved_by_one_names_what_was_put_in_or_taken_out() -> None:
    entries = chain(9)
    without = [*entries[:3], *(one._replace(seq=one.seq - 1) for one in entries[4:])]
    (removed,) = verify(without, head_of(entries)).faults
    assert "Entries 4 to 8 were written as 5 to 9: entry 4 was removed" in removed.says


@given(BODIES)
def test_a_body_that_is_read_and_written_again_is_the_same_text(body: dict[str, object]) -> None:
    written = canonical(body)
    assert canonical(json.loads(written)) == written
    assert written.isascii()


@pytest.mark.parametrize("odd", [float("nan"), float("-inf"), {1, 2}, object])
def test_whatever_is_noted_becomes_json(odd: object) -> None:
    written = canonical({"odd": odd, "10": 1, "9": 2})
    assert canonical(json.loads(written)) == written
    json.loads(written, parse_constant=lambda _: pytest.fail("that is not JSON"))
