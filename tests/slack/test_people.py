"""Who may decide is read when it matters, and never guessed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bot.access.policy import RoleMembers
from bot.runbook.errors import Unreachable
from bot.slack.calls import Answer, Calls, Lost
from bot.slack.people import People
from tests.hostile import MALICE
from tests.slack.delivering import StillClock

ROLES = {
    "operator": RoleMembers(users=("U-DANA",), groups=("S-OPS",)),
    "dba": RoleMembers(groups=("S-DBA",)),
}


class Workspace(Calls):
    """The calls that tell who somebody is."""

    def __init__(self) -> None:
        self.users: dict[str, Mapping[str, Any]] = {
            "U-DANA": {"profile": {"display_name": "dana"}},
            "U-LENA": {"profile": {"display_name": "", "real_name": "Lena"}},
            "U-GUEST": {"name": "guest", "is_ultra_restricted": True},
            "U-OTHER": {"name": "other", "is_stranger": True},
            "U-THEIRS": {"name": "theirs", "team_id": "T-THEIRS", "is_stranger": False},
            "U-NOWHERE": {"name": "nowhere", "team_id": None},
            "U-SISTER": {
                "name": "sister",
                "team_id": "T-SISTER",
                "enterprise_user": {"id": "W-SISTER", "teams": ["T-SISTER", "T-OURS"]},
            },
            "U-GONE": {"name": "gone", "deleted": True},
            "U-BOT": {"name": "bot", "is_bot": True},
        }
        self.groups = {"S-OPS": ["U-LENA"], "S-DBA": ["U-LENA"]}
        self.asked: list[str] = []
        self.is_down = False

    async def call(self, method: str, **arguments: Any) -> Answer:
        self.asked.append(method)
        await asyncio.sleep(0)
        if self.is_down:
            raise Lost("Slack did not answer.")
        if method == "users.info" and arguments["user"] in self.users:
            user = {"id": arguments["user"], "team_id": "T-OURS", **self.users[arguments["user"]]}
            return {"ok": True, "user": user}
        if method == "auth.test":
            return {"ok": True, "team_id": "T-OURS"}
        if method == "usergroups.list" and arguments == {"include_users": "true"}:
            groups = [{"id": id, "users": list(users)} for id, users in self.groups.items()]
            return {"ok": True, "usergroups": groups}
        return {"ok": False, "error": "not_found"}


@pytest.fixture
def slack() -> Workspace:
    return Workspace()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def people(slack: Workspace, clock: StillClock) -> People:
    return People(slack, ROLES, (("U-DANA", "U-DANA2"), ("U-DANA2", "U-DANA3")), clock)


async def test_a_role_is_had_by_id_or_through_a_user_group(people: People) -> None:
    assert (await people.member("U-DANA")).roles == {"operator"}
    assert (await people.member("U-LENA")).roles == {"operator", "dba"}


async def test_people_have_the_name_they_chose(people: People) -> None:
    assert (await people.member("U-DANA")).name == "dana"
    assert (await people.member("U-LENA")).name == "Lena"


async def test_guests_bots_and_those_who_left_are_told_apart(people: People) -> None:
    assert (await people.member("U-GUEST")).is_guest
    assert (await people.member("U-OTHER")).is_guest
    assert not (await people.member("U-GONE")).is_active
    assert (await people.member("U-BOT")).is_bot


async def test_another_companys_people_are_guests_also_where_they_share_a_channel(
    people: People,
) -> None:
    assert (await people.member("U-THEIRS")).is_guest
    assert (await people.member("U-NOWHERE")).is_guest
    assert not (await people.member("U-SISTER")).is_guest


async def test_all_accounts_of_one_human_are_known_from_any_of_them(people: People) -> None:
    assert (await people.member("U-DANA")).same_human_as == {"U-DANA2", "U-DANA3"}


async def test_whoever_left_the_group_a_moment_ago_has_its_role_no_more(
    people: People, slack: Workspace, clock: StillClock
) -> None:
    assert "dba" in (await people.member("U-LENA")).roles
    slack.groups["S-DBA"].clear()
    clock.move(11)
    assert "dba" in (await people.shown("U-LENA")).roles
    assert "dba" not in (await people.member("U-LENA")).roles


async def test_a_clock_that_is_set_back_makes_no_role_of_a_while_ago_count(
    people: People, slack: Workspace, clock: StillClock
) -> None:
    assert "dba" in (await people.member("U-LENA")).roles
    slack.groups["S-DBA"].clear()
    clock.move(100)
    clock.time -= 95
    assert "dba" not in (await people.member("U-LENA")).roles
    clock.time -= 1000
    slack.groups["S-DBA"].append("U-LENA")
    assert "dba" in (await people.member("U-LENA")).roles


async def test_when_slack_does_not_answer_nobody_has_a_role(
    people: People, slack: Workspace, clock: StillClock
) -> None:
    await people.member("U-LENA")
    slack.is_down = True
    clock.move(11)
    with pytest.raises(Unreachable):
        await people.member("U-LENA")


async def test_a_group_that_cannot_be_read_lets_nobody_through(
    people: People, slack: Workspace
) -> None:
    del slack.groups["S-DBA"]
    with pytest.raises(Unreachable, match="S-DBA"):
        await people.member("U-DANA")


async def test_a_stranger_is_unreachable(people: People) -> None:
    with pytest.raises(Unreachable, match="U-NOBODY"):
        await people.member("U-NOBODY")


async def test_many_clicks_at_once_ask_slack_once(people: People, slack: Workspace) -> None:
    await asyncio.gather(*(people.member("U-LENA") for _ in range(20)))
    assert sorted(slack.asked) == ["auth.test", "usergroups.list", "users.info"]


async def test_all_groups_are_one_question_whoever_asks(people: People, slack: Workspace) -> None:
    """Slack takes 20 of it a minute; one for each group and person would be over at once."""
    for user in ("U-DANA", "U-LENA", "U-GUEST", "U-OTHER"):
        await people.member(user)
    assert slack.asked.count("usergroups.list") == 1


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
async def test_a_name_is_short_and_can_be_seen_whatever_somebody_calls_themselves(
    people: People, slack: Workspace, malice: str
) -> None:
    slack.users["U-DANA"] = {"profile": {"display_name": malice, "real_name": malice}}
    name = (await people.member("U-DANA")).name
    assert 0 < len(name) <= 80 and name.isprintable()


async def test_everybody_who_has_a_role_is_told_once(people: People, slack: Workspace) -> None:
    slack.groups["S-OPS"] = ["U-LENA", "U-DANA"]
    assert await people.holders("operator") == ("U-DANA", "U-LENA")
    assert await people.holders("dba") == ("U-LENA",)
    assert await people.holders("nobody-has-it") == ()
    slack.is_down = True
    with pytest.raises(Unreachable):
        await People(slack, ROLES).holders("operator")
