"""Who holds up whom, and how many in all, of whatever PostgreSQL says."""

from adapters.postgres.blocking import _Tree


def test_who_waits_for_somebody_who_waits_is_counted_at_the_root() -> None:
    tree = _Tree({2: [1], 3: [2], 4: [2, 1], 5: [9], 6: [2, 9]})
    assert tree.roots == [(1, 2, 4), (9, 2, 2)] and tree.in_circles == 0


def test_who_waits_in_a_circle_has_no_root() -> None:
    tree = _Tree({1: [2], 2: [1], 3: [1]})
    assert (tree.roots, tree.in_circles) == ([], 3)
