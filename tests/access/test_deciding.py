"""The one function that decides: what is allowed, what is not, and what is said about it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.access.acts import (
    Act,
    Allowed,
    Answer,
    Approve,
    BreakGlass,
    Denied,
    Deny,
    Freeze,
    Frozen,
    Lead,
    Moment,
    Read,
    ReadAudit,
    Review,
    Schedule,
    Start,
    Touched,
)
from bot.access.deciding import OWN, OWN_GLASS, STRANGER, TWICE, frozen_by, may
from bot.access.hours import Hours
from bot.access.member import Member
from bot.access.policy import DEFAULT, ROLES, ApproveRule, FreezeWindow, May, Policy, RunRule

#: A Wednesday, 10:00 in Berlin.
NOON = Moment(datetime(2026, 11, 25, 9, 0, tzinfo=UTC))
SATURDAY = Moment(datetime(2026, 11, 28, 2, 12, tzinfo=UTC))
OFFICE = Hours.model_validate(
    {"days": ["mon-fri"], "from": "08:00", "until": "18:00", "time_zone": "Europe/Berlin"}
)
RESTART, FAIL_OVER = Touched("CHANGE", "ecs/production/api"), Touched("DESTROY", "rds/main")
PAGE = Touched("CHANGE", "pager/7F3K", ours=True)
STOPPED = Frozen("the primary is odd", by="U0DANA", by_name="dana", since=NOON.at)

POLICY = Policy(
    may=May(freeze=("operator",), read_audit=("security",), break_glass=("leadership",)),
    start=(
        RunRule(roles=("operator",), runbooks=("RB-INC-*",)),
        RunRule(
            roles=("responder",),
            runbooks=("RB-INC-001", "RB-SYNC-*"),
            inputs={"services": ("api", "web-*"), "severity": ("P2",)},
            hours=OFFICE,
        ),
        RunRule(roles=("dba",), runbooks=("RB-DB-*",), environments=("staging",)),
    ),
    lead=(RunRule(roles=("responder", "operator"), runbooks=("RB-INC-*",)),),
    approve=(
        ApproveRule(roles=("operator",), effects=("CHANGE",)),
        ApproveRule(roles=("dba",), targets=("rds/*", "calendar/*")),
        ApproveRule(roles=("approver",), effects=("DESTROY",), targets=("ecs/*",), hours=OFFICE),
    ),
)


def somebody(*roles: str, **more: Any) -> Member:
    return Member("U0DANA", "dana", frozenset(roles), **more)


def why(answer: Allowed | Denied) -> str:
    assert isinstance(answer, Denied), answer
    return answer.why


def approve(*touches: Touched, role: str = "operator", **more: Any) -> Approve:
    return Approve(role, touches, **more)


INPUTS = {"services": ["api"], "severity": "P2"}
TRUTHS: list[tuple[tuple[str, ...], Act, Moment, str]] = [
    # Reading.
    ((), Read(), NOON, "[may] read"),
    (("viewer",), Read(), SATURDAY, "[may] read"),
    # Starting.
    (("operator",), Start("RB-INC-001"), SATURDAY, "[[start]] rule 1"),
    (("operator",), Start("RB-INC-007", {"anything": 1}), NOON, "[[start]] rule 1"),
    (("operator",), Start("RB-SYNC-001"), NOON, ""),
    (("responder",), Start("RB-INC-001", INPUTS), NOON, "[[start]] rule 2"),
    (("responder",), Start("RB-INC-001"), NOON, "[[start]] rule 2"),
    (("responder",), Start("RB-INC-001", INPUTS), SATURDAY, ""),
    (("responder",), Start("RB-INC-002", INPUTS), NOON, ""),
    (("responder",), Start("RB-INC-001", INPUTS | {"severity": "P1"}), NOON, ""),
    (("responder",), Start("RB-INC-001", INPUTS | {"services": ["api", "db"]}), NOON, ""),
    (("responder",), Start("RB-INC-001", INPUTS | {"services": ["web-1", "api"]}), NOON, "2"),
    (("dba",), Start("RB-DB-001", {}), NOON, ""),
    (("dba",), Start("RB-DB-001", {}), replace(NOON, environment="staging"), "rule 3"),
    (("viewer", "security", "admin"), Start("RB-INC-001"), NOON, ""),
    ((), Start("RB-INC-001"), NOON, ""),
    # Leading and answering.
    (("responder",), Lead("RB-INC-001", {}), SATURDAY, "[[lead]] rule 1"),
    (("responder",), Answer("RB-INC-001", {}), SATURDAY, "[[lead]] rule 1"),
    (("responder",), Lead("RB-DB-001", {}), NOON, ""),
    (("viewer",), Answer("RB-INC-001", {}), NOON, ""),
    # Schedules: added by who may start, kept by whose they are and by who may lead.
    (("operator",), Schedule("RB-INC-001", INPUTS), SATURDAY, "[[start]] rule 1"),
    (("responder",), Schedule("RB-INC-001", INPUTS), NOON, "[[start]] rule 2"),
    (("responder",), Schedule("RB-INC-001", INPUTS), SATURDAY, ""),
    (("responder",), Schedule("RB-INC-001", INPUTS | {"severity": "P1"}), NOON, ""),
    (("dba",), Schedule("RB-INC-001", {}), NOON, ""),
    (("viewer",), Schedule("RB-INC-001", {}, "U0DANA"), NOON, "their own"),
    (("responder",), Schedule("RB-INC-001", {}, "U0LENA"), SATURDAY, "[[lead]] rule 1"),
    (("responder",), Schedule("RB-INC-001", {}, ""), SATURDAY, "[[lead]] rule 1"),
    (("dba",), Schedule("RB-INC-001", {}, "U0LENA"), NOON, ""),
    (("viewer",), Schedule("RB-INC-001", {}, ""), NOON, ""),
    # Approving: the step's role, and a rule for each change.
    (("operator",), approve(RESTART), SATURDAY, "[[approve]] rule 1"),
    (("dba",), approve(RESTART), NOON, ""),
    (("operator",), approve(FAIL_OVER), NOON, ""),
    (("operator", "dba"), approve(FAIL_OVER), NOON, "[[approve]] rule 2"),
    (("operator", "dba"), approve(FAIL_OVER, RESTART), NOON, "rule 2, [[approve]] rule 1"),
    (("dba",), approve(FAIL_OVER, RESTART, role="dba"), NOON, ""),
    (("approver",), approve(Touched("DESTROY", "ecs/a"), role="approver"), NOON, "rule 3"),
    (("approver",), approve(Touched("DESTROY", "ecs/a"), role="approver"), SATURDAY, ""),
    (("operator",), approve(), NOON, ""),
    # Denying needs the step's role alone: it only stops.
    (("operator",), Deny("operator"), SATURDAY, "which the step demands"),
    (("dba",), Deny("operator"), NOON, ""),
    # What is done to no runbook.
    (("operator",), Freeze(), NOON, "[may] freeze"),
    (("responder",), Freeze(), NOON, ""),
    (("security",), ReadAudit(), NOON, "[may] read_audit"),
    (("operator",), ReadAudit(), NOON, ""),
    (("leadership",), BreakGlass(), NOON, "[may] break_glass"),
    (("admin",), BreakGlass(), NOON, ""),
    (("approver",), Review(), NOON, "[may] review"),
    (("security",), Review("U0LENA", "U0RAVI"), SATURDAY, "[may] review"),
    (("operator", "dba", "responder"), Review(), NOON, ""),
]


@pytest.mark.parametrize(("roles", "act", "moment", "rule"), TRUTHS)
def test_what_no_rule_allows_is_refused(
    roles: tuple[str, ...], act: Act, moment: Moment, rule: str
) -> None:
    answer = may(POLICY, somebody(*roles), act, moment)
    if rule:
        assert isinstance(answer, Allowed) and rule in answer.rule, answer
    else:
        assert why(answer)


ACTS: tuple[Act, ...] = (
    Read(),
    Start("RB-INC-001"),
    Lead("RB-INC-001"),
    Answer("RB-INC-001"),
    Schedule("RB-INC-001"),
    Schedule("RB-INC-001", {}, "U0DANA"),
    approve(RESTART),
    Deny("operator"),
    Freeze(),
    ReadAudit(),
    BreakGlass(),
    Review(),
)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
@pytest.mark.parametrize("what", [{"is_active": False}, {"is_guest": True}, {"is_bot": True}])
def test_who_is_no_active_full_member_may_nothing_whatever_their_roles(
    act: Act, what: dict[str, bool]
) -> None:
    all_of_it = somebody(*ROLES, **what)
    for policy in (POLICY, DEFAULT):
        assert why(may(policy, all_of_it, act, NOON)) == STRANGER


def test_the_one_who_asked_does_not_approve_nor_does_their_other_account() -> None:
    dana = somebody("operator", same_human_as=frozenset({"U0DANA2"}))
    for requester in ("U0DANA", "U0DANA2"):
        asked = approve(RESTART, requested_by=requester)
        assert why(may(POLICY, dana, asked, NOON)) == OWN
    assert isinstance(may(POLICY, dana, approve(RESTART, requested_by="U0LENA"), NOON), Allowed)


def test_who_broke_a_glass_or_wanted_it_does_not_review_it_nor_does_their_other_account() -> None:
    dana = somebody("security", same_human_as=frozenset({"U0DANA2"}))
    for own in ("U0DANA", "U0DANA2"):
        for act in (Review(own, "U0LENA"), Review("U0LENA", own)):
            assert why(may(POLICY, dana, act, NOON)) == OWN_GLASS
    assert isinstance(may(POLICY, dana, Review("U0LENA", "U0RAVI"), NOON), Allowed)


def test_neither_a_freeze_nor_the_hour_stands_in_the_way_of_who_may_break_the_glass() -> None:
    leader = somebody("leadership")
    at_night = replace(SATURDAY, stopped=STOPPED, environment="elsewhere")
    assert isinstance(may(POLICY, leader, BreakGlass(), at_night), Allowed)


def test_one_human_does_not_approve_twice_nor_from_two_accounts() -> None:
    dana = somebody("operator", same_human_as=frozenset({"U0DANA2"}))
    for other in ("U0DANA", "U0DANA2"):
        again = approve(RESTART, approved_by=("U0LENA", other))
        assert why(may(POLICY, dana, again, NOON)) == TWICE


def test_a_refusal_says_what_would_be_needed_by_the_nearest_rule() -> None:
    said = why(may(POLICY, somebody("viewer"), Start("RB-INC-002"), NOON))
    assert said.startswith("You need the role operator to start RB-INC-002.")
    said = why(may(POLICY, somebody("responder"), Start("RB-INC-001", INPUTS), SATURDAY))
    assert said == (
        "You may start RB-INC-001 only Mon-Fri 08:00 to 18:00 Europe/Berlin, and it is Sat 03:12"
        " there."
    )
    said = why(may(POLICY, somebody("dba"), Start("RB-DB-001"), NOON))
    assert "only in staging, and this bot serves production" in said
    said = why(may(POLICY, somebody("admin"), Start("RB-REC-001"), NOON))
    assert said == "No rule of the bot's policy lets anybody start RB-REC-001."
    said = why(may(POLICY, somebody("operator"), approve(RESTART, FAIL_OVER), NOON))
    assert said.startswith("You need the role dba to approve DESTROY on rds/main.")
    assert why(may(POLICY, somebody("dba"), Freeze(), NOON)).startswith("You need the role oper")
    assert why(may(Policy(), somebody("dba"), Freeze(), NOON)) == (
        "The policy lets nobody stop changes or let them go on."
    )


def test_a_refusal_names_the_inputs_that_stand_in_the_way() -> None:
    wrong = {"services": ["db"], "severity": "P2"}
    answer = may(POLICY, somebody("responder"), Start("RB-INC-001", wrong), NOON)
    assert isinstance(answer, Denied)
    assert answer.why == "You may start RB-INC-001 only with services api or web-*."
    assert answer.fields == {"services": "Only with services api or web-*."}


@pytest.mark.parametrize("empty", [[], None, ""])
def test_an_input_that_is_left_empty_is_not_one_of_those_allowed(empty: Any) -> None:
    """To many runbooks no service means all of them."""

    def answer(*allowed: str) -> Allowed | Denied:
        rule = RunRule(roles=("dba",), runbooks=("*",), inputs={"services": allowed})
        return may(
            Policy(start=(rule,)), somebody("dba"), Start("RB-1", {"services": empty}), NOON
        )

    assert isinstance(answer("api", "web-*"), Denied)
    assert isinstance(answer("*"), Allowed)
    assert isinstance(answer("api", ""), Allowed)


def test_an_input_that_is_no_single_value_is_allowed_by_no_rule() -> None:
    rule = RunRule(roles=("dba",), runbooks=("*",), inputs={"x": ("*",)})
    act = Start("RB-1", {"x": {"name": "a", "version": "1"}})
    assert isinstance(may(Policy(start=(rule,)), somebody("dba"), act, NOON), Denied)


# Freezes.


def window(**more: Any) -> FreezeWindow:
    known: dict[str, Any] = {"name": "Black Friday", "why": "the sale", "hours": OFFICE}
    return FreezeWindow(**(known | more))


def test_while_the_switch_is_thrown_nothing_of_others_is_approved() -> None:
    stopped = replace(NOON, stopped=STOPPED)
    said = why(may(POLICY, somebody("operator"), approve(RESTART), stopped))
    assert said == (
        "This cannot be approved now: frozen by @dana at 09:00 UTC: the primary is odd."
    )
    mixed = approve(PAGE, RESTART)
    assert isinstance(may(POLICY, somebody("operator"), mixed, stopped), Denied)


def test_a_freeze_leaves_everything_but_approving_as_it_is() -> None:
    stopped = replace(NOON, stopped=STOPPED)
    everybody = somebody(*ROLES)
    for act in (*(one for one in ACTS if not isinstance(one, Approve)), approve(PAGE)):
        assert may(POLICY, everybody, act, stopped) == may(POLICY, everybody, act, NOON)


def test_a_window_freezes_its_targets_in_its_environments_while_it_lasts() -> None:
    policy = POLICY.model_copy(update={"freeze": (window(targets=("rds/*",)),)})
    assert (found := frozen_by(policy, [FAIL_OVER], NOON))
    assert found.says(NOON.at) == (
        "frozen by the change freeze Black Friday (Mon-Fri 08:00 to 18:00 Europe/Berlin): the sale"
    )
    assert frozen_by(policy, [RESTART], NOON) is None
    assert frozen_by(policy, [FAIL_OVER], SATURDAY) is None
    assert frozen_by(policy, [replace(FAIL_OVER, ours=True)], NOON) is None
    staging = POLICY.model_copy(update={"freeze": (window(environments=("staging",)),)})
    assert frozen_by(staging, [FAIL_OVER], NOON) is None


def test_a_window_between_two_times_holds_from_the_first_and_not_at_the_second() -> None:
    begins, ends = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
    policy = Policy(freeze=(window(hours=None, begins=begins, ends=ends),))
    for at, is_frozen in ((begins, True), (ends, False), (NOON.at, False)):
        assert bool(frozen_by(policy, [RESTART], Moment(at))) is is_frozen


def test_a_freeze_of_another_day_is_told_with_its_day() -> None:
    assert "at 2026-11-25 09:00 UTC" in STOPPED.says(SATURDAY.at)


def test_without_a_policy_file_every_role_but_viewer_leads_and_the_steps_role_approves() -> None:
    for role in set(ROLES) - {"viewer"}:
        assert isinstance(may(DEFAULT, somebody(role), Start("RB-X"), NOON), Allowed)
        assert isinstance(may(DEFAULT, somebody(role), Lead("RB-X"), NOON), Allowed)
        asked = approve(FAIL_OVER, role=role)
        assert isinstance(may(DEFAULT, somebody(role), asked, NOON), Allowed)
    for act in (Start("RB-X"), Lead("RB-X"), Answer("RB-X"), approve(RESTART), BreakGlass()):
        assert isinstance(may(DEFAULT, somebody("viewer"), act, NOON), Denied)


# What holds for any policy.

SOME = ("responder", "operator", "dba", "anyone")
words = st.sampled_from(("RB-INC-001", "RB-INC-*", "RB-DB-001", "*"))
role_lists = st.lists(st.sampled_from(SOME), min_size=1, max_size=2, unique=True).map(tuple)
spans = st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda two: two[0] != two[1])
hours = st.none() | st.builds(
    lambda days, span: Hours.model_validate(
        {
            "days": days,
            "from": f"{span[0]:02d}:00",
            "until": f"{span[1]:02d}:00",
            "time_zone": "UTC",
        }
    ),
    st.lists(st.sampled_from(("mon", "wed", "sat")), min_size=1, unique=True),
    spans,
)
run_rules = st.builds(
    RunRule,
    roles=role_lists,
    runbooks=words.map(lambda one: (one,)),
    inputs=st.dictionaries(
        st.sampled_from(("services", "severity")),
        st.sampled_from((("api",), ("*",), ("",), ("P2", "api"))),
        max_size=2,
    ),
    environments=st.sampled_from((("*",), ("staging",), ("production",))),
    hours=hours,
)
approve_rules = st.builds(
    ApproveRule,
    roles=role_lists,
    effects=st.sampled_from((("CHANGE",), ("DESTROY",), ("CHANGE", "DESTROY"))),
    targets=st.sampled_from((("*",), ("rds/*",), ("ecs/*",))),
    hours=hours,
)
windows = st.builds(
    lambda n, targets, on: FreezeWindow(name=str(n), targets=targets, hours=on or OFFICE),
    st.integers(0, 99),
    st.sampled_from((("*",), ("rds/*",))),
    hours,
)
members = st.builds(
    lambda roles: somebody(*roles),
    st.sets(st.sampled_from(("viewer", "responder", "operator", "dba"))),
)
acts = st.one_of(
    st.builds(
        lambda kind, book, inputs: kind(book, inputs),
        st.sampled_from((Start, Lead, Answer)),
        st.sampled_from(("RB-INC-001", "RB-INC-002", "RB-DB-001")),
        st.none()
        | st.fixed_dictionaries(
            {"services": st.sampled_from(([], ["api"], ["db"])), "severity": st.just("P2")}
        ),
    ),
    st.builds(
        lambda role, touches: Approve(role, tuple(touches)),
        st.sampled_from(("operator", "dba")),
        st.lists(st.sampled_from((RESTART, FAIL_OVER, PAGE)), min_size=1),
    ),
)
moments = st.builds(
    lambda hour, env: Moment(datetime(2026, 11, 23 + hour // 24, hour % 24, tzinfo=UTC), env),
    st.integers(0, 24 * 7 - 1),
    st.sampled_from(("production", "staging")),
)


@settings(max_examples=4 * settings().max_examples)
@given(st.data(), members, acts, moments)
def test_adding_a_rule_takes_no_right_away_and_removing_one_gives_none(
    data: st.DataObject, member: Member, act: Act, moment: Moment
) -> None:
    runs = st.lists(run_rules, max_size=4)
    start, lead = data.draw(runs), data.draw(runs)
    approving = data.draw(st.lists(approve_rules, max_size=4))
    whole = Policy.model_construct(
        start=tuple(start), lead=tuple(lead), approve=tuple(approving), freeze=()
    )
    table = data.draw(st.sampled_from(("start", "lead", "approve")))
    rules = getattr(whole, table)
    if not rules:
        return
    dropped = data.draw(st.integers(0, len(rules) - 1))
    fewer = whole.model_copy(update={table: rules[:dropped] + rules[dropped + 1 :]})
    if isinstance(may(fewer, member, act, moment), Allowed):
        assert isinstance(may(whole, member, act, moment), Allowed)


@settings(max_examples=2 * settings().max_examples)
@given(st.lists(approve_rules, max_size=4), windows, members, acts, moments)
def test_adding_a_freeze_gives_no_right(
    rules: list[ApproveRule], added: FreezeWindow, member: Member, act: Act, moment: Moment
) -> None:
    thawed = Policy.model_construct(start=(), lead=(), approve=tuple(rules), freeze=())
    frozen = thawed.model_copy(update={"freeze": (added,)})
    if isinstance(may(frozen, member, act, moment), Allowed):
        assert isinstance(may(thawed, member, act, moment), Allowed)


@settings(max_examples=2 * settings().max_examples)
@given(st.lists(approve_rules, max_size=4), members, moments, st.sampled_from(("operator", "dba")))
def test_no_policy_lets_anybody_approve_without_the_steps_role(
    rules: list[ApproveRule], member: Member, moment: Moment, role: str
) -> None:
    policy = Policy.model_construct(start=(), lead=(), approve=tuple(rules), freeze=())
    answer = may(policy, member, approve(RESTART, role=role), moment)
    assert isinstance(answer, Denied) or role in member.roles
