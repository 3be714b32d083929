"""Where a service can go back to, decided from the record of its deployments alone."""

from datetime import UTC, datetime, timedelta

from adapters.ecs.facts import Rollout
from adapters.ecs.history import _earlier, _Entry

START = datetime(2026, 11, 1, tzinfo=UTC)


def deployed(task_definition: str, day: int, rollout: Rollout = "completed") -> _Entry:
    at = START + timedelta(days=day)
    return _Entry(f"arn-{day}", task_definition, task_definition, rollout, "", at)


def candidates(*newest_first: _Entry) -> list[str]:
    return [one.task_definition for one in _earlier(newest_first[0], list(newest_first))]


def test_the_newest_that_completed_before_comes_first() -> None:
    assert candidates(deployed("core:42", 9), deployed("core:41", 7), deployed("core:40", 3)) == [
        "core:41",
        "core:40",
    ]


def test_what_never_completed_is_left_out() -> None:
    assert candidates(
        deployed("core:43", 9), deployed("core:42", 8, "rolled back"), deployed("core:41", 7)
    ) == ["core:41"]


def test_what_was_rolled_back_from_is_left_out_under_another_family_too() -> None:
    assert (
        candidates(deployed("core:41", 9), deployed("core-v2:1", 8), deployed("core:41", 7)) == []
    )


def test_a_restart_does_not_make_a_later_version_an_earlier_one() -> None:
    assert candidates(deployed("core:40", 9), deployed("core:40", 8), deployed("core:41", 7)) == []


def test_one_deployed_twice_is_offered_once_at_its_newest() -> None:
    assert candidates(
        deployed("core:42", 9),
        deployed("core:40", 8),
        deployed("core:41", 7),
        deployed("core:40", 6),
    ) == ["core:40", "core:41"]
