"""A slice of the crash matrix; `make crash-matrix` tries all of it."""

from pathlib import Path
from typing import get_args

import pytest

from assembly import outside
from bot.runbook import Adapter, Change
from sandbox.aws.seed import DatabaseKind
from tests.crash.cases import CASES
from tests.crash.matrix import matrix, report


def test_every_change_that_an_adapter_makes_has_its_case() -> None:
    assert outside  # which imports every adapter there is
    made = {one.change for adapter in _all(Adapter) for one in adapter.alters}
    assert {one for one in made if one.__module__.startswith("adapters.")} == set(CASES)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", get_args(DatabaseKind))
async def test_no_change_is_made_twice_or_lost_whose_bot_dies_before_it_is_written_down(
    database: DatabaseKind, tmp_path: Path
) -> None:
    rows = await matrix(database, tmp_path, one_of_each_adapter(), is_slice=True)
    assert rows
    told = report(rows)
    for row in rows:
        assert not row.count("is_doubled") and not row.count("is_lost"), told
        assert not row.count("is_unknown") or CASES[row.kind].untold, told
        assert row.count("was_killed"), told


def one_of_each_adapter() -> list[type[Change]]:
    """And of each kind of database it knows: the classes of one adapter are called alike."""
    first: dict[tuple[type[Adapter], DatabaseKind], type[Change]] = {}
    for adapter in _all(Adapter):
        for one in adapter.alters:
            if one.change in CASES:
                first.setdefault((adapter, CASES[one.change].database), one.change)
    return list(dict.fromkeys(first.values()))


def _all(kind: type[Adapter]) -> list[type[Adapter]]:
    return [kind, *(found for one in kind.__subclasses__() for found in _all(one))]


def test_only_what_the_other_side_cannot_tell_is_asked_of_a_person() -> None:
    untold: set[type[Change]] = {kind for kind, maker in CASES.items() if maker.untold}
    assert not [kind.__name__ for kind in untold if kind.repeatable]
