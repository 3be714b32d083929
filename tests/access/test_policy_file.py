"""The policy file: what it says is what holds, and what is wrong in it is said at once."""

import pytest

from bot.access.policy import DEFAULT, Policy
from bot.access.policy_file import PolicyError, notes, read_policy
from commands import IN_PROSE, RUNBOOKS

BOOKS = dict.fromkeys((*IN_PROSE, "RB-PROSE-001")) | {
    key: book.inputs.model_json_schema() for key, book in RUNBOOKS.items()
}
HEAD = '[[start]]\nroles = ["operator"]\nrunbooks = ["RB-INC-001"]\n'


def read(text: str) -> Policy:
    return read_policy(text, "policy.toml", BOOKS)


def wrong(text: str) -> list[str]:
    with pytest.raises(PolicyError) as found:
        read(text)
    return str(found.value).splitlines()


def test_an_empty_file_lets_everybody_look_and_nobody_do_anything() -> None:
    policy = read("")
    assert policy == Policy()
    assert policy.may.read == ("anyone",)
    assert not (policy.start or policy.lead or policy.approve or policy.may.freeze)


def test_every_mistake_is_said_at_once_with_its_line() -> None:
    said = wrong(
        "\n".join(
            [
                "[roles.operator]",
                'groups = ["S0OPS"]',
                "[[start]]",
                'roles = ["operater"]',
                'runbooks = ["RB-INC-001", "RB-INC-01"]',
                'with = { service = ["a"] }',
                "[[approve]]",
                'roles = ["operator"]',
                'effects = ["DESTORY"]',
                "[[freeze]]",
                'name = "nights"',
                'hours = { from = "22:00", until = "22:00", time_zone = "UTC" }',
                "[may]",
                'break_glass = ["anyone"]',
            ]
        )
    )
    assert said == [
        "policy.toml, line 4: [[start]] rule 1: roles has operater, and there are the roles admin,"
        " anyone, approver, dba, leadership, operator, responder, security, viewer; did you mean"
        " operator?",
        "policy.toml, line 5: [[start]] rule 1: runbooks has RB-INC-01, and no runbook is called"
        " so; did you mean RB-INC-001?",
        "policy.toml, line 9: [[approve]] rule 1: effects has 'DESTORY', and may be 'CHANGE' or"
        " 'DESTROY'.",
        "policy.toml, line 12: [[freeze]] window 1: hours opens and closes at the same minute, so"
        ' it is never open; a whole day is from "00:00" until "24:00".',
        "policy.toml, line 14: [may]: break_glass cannot be for anyone: name the roles.",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[start]\n", "line 1"),
        ("nonsense = 1\n", "nonsense does not exist; there are roles, aliases, may, start"),
        ('[roles.dba]\nuser = ["U1"]', "line 2: [roles.dba]: user does not exist"),
        ('[roles.dba]\nusers = ["@lena"]', "'@lena', which is no id of Slack: a person's"),
        ('[roles.dba]\ngroups = ["U0LENA"]', "a user group's begins with S"),
        ('[roles.anyone]\nusers = ["U0LENA"]', "is no role to give"),
        ('aliases = [["U0LENA"]]', "needs at least 2"),
        ('[[start]]\nroles = ["dba"]', "[[start]] rule 1: runbooks is needed"),
        ('[[start]]\nroles = []\nrunbooks = ["*"]', "roles is empty"),
        ('[[start]]\nroles = "dba"\nrunbooks = ["*"]', "roles is a list"),
        ('[[start]]\nroles = ["dba", "dba"]\nrunbooks = ["*"]', "has dba twice"),
        (HEAD + "hour = 1", "there are roles, runbooks, with, environments, hours; did you mean"),
        (HEAD + "environments = []", "environments is empty"),
        (HEAD + 'with = { services = "a" }', "is a list"),
        (HEAD + 'with = { service = ["a"] }', "no input service, it takes brief_desc, services"),
        (HEAD + 'with = { severity = ["P9"] }', "severity is never P9, it is one of P1, P2"),
        (HEAD + 'hours = { days = ["mon"] }', "hours.time_zone is needed"),
        (HEAD + 'hours = { day = ["mon"], time_zone = "UTC" }', "there are days, from, until"),
        (HEAD + HEAD, "rule 2 says the same as rule 1"),
        ('[[freeze]]\nname = "x"', "has either from and until, or hours"),
        ('[[freeze]]\nname = "x"\nfrom = 2026-01-01T00:00:00Z', "has either from and until"),
        (
            '[[freeze]]\nname = "x"\nfrom = 2026-01-01T00:00:00\nuntil = 2026-01-02T00:00:00Z',
            "line 3: [[freeze]] window 1: from has no time zone",
        ),
        (
            '[[freeze]]\nname = "x"\nfrom = 2026-01-02T00:00:00Z\nuntil = 2026-01-01T00:00:00Z',
            "ends before it begins",
        ),
        ('[[freeze]]\nname = "x"\nfrom = 1\nuntil = 2', "is a date and time such as"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(text: str, words: str) -> None:
    assert any(words in one for one in wrong(text)), wrong(text)


def test_two_windows_do_not_have_one_name() -> None:
    one = '[[freeze]]\nname = "x"\nhours = { time_zone = "UTC" }\n'
    assert "two windows are called x" in wrong(one + one)[0]


def test_a_list_written_in_line_is_told_by_its_number() -> None:
    assert (
        "[[start]] rule 1: roles has nobody"
        in wrong('start = [{ roles = ["nobody"], runbooks = ["*"] }]')[0]
    )


def test_a_runbook_that_is_only_prose_may_be_named() -> None:
    policy = read('[[start]]\nroles = ["dba"]\nrunbooks = ["RB-PROSE-*"]\nwith = { x = ["y"] }')
    assert policy.start[0].inputs == {"x": ("y",)}


def test_a_role_of_ones_own_is_known_once_it_is_given() -> None:
    policy = read('[roles.payments]\ngroups = ["S0PAY"]\n[may]\nfreeze = ["payments"]')
    assert policy.may.freeze == ("payments",)


def test_what_is_perhaps_not_meant_is_noted() -> None:
    said = list(notes(read(HEAD)))
    assert said == [
        "nobody may lead anything: there is no [[lead]]",
        "nobody may approve anything: there is no [[approve]]",
        "rules name roles that nobody has: operator",
        "nobody may stop all changes: [may] has no freeze",
    ]
    assert any("nobody has" in one for one in notes(DEFAULT))


def test_a_glass_that_nobody_could_review_is_noted() -> None:
    breaks = '[roles.leadership]\nusers = ["U0IRIS"]\n[may]\nbreak_glass = ["leadership"]\n'
    said = "a glass can be broken and nobody has a role to review it: see review of [may]"
    assert said not in list(notes(read(breaks))), "leadership reviews, unless it is said otherwise"
    for review in ('["security"]', "[]"):
        assert said in list(notes(read(f"{breaks}review = {review}")))
    own = breaks.replace("[may]", '[roles.audit]\nusers = ["U0OMAR"]\n[may]')
    assert said not in list(notes(read(f'{own}review = ["audit"]')))


def test_not_just_anyone_reviews_a_broken_glass() -> None:
    assert "review cannot be for anyone" in wrong('[may]\nreview = ["anyone"]')[0]
