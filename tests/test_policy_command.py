"""`python app.py policy` answers whether somebody may and why; where the policy comes from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import app
from assembly.policy import check_announced, policy_of
from bot.access.policy import DEFAULT
from bot.access.policy_file import PolicyError
from bot.settings import Settings, SlackSettings
from sandbox.people import COLLEAGUES, GROUPS, POLICY

ROOT = Path(app.__file__).parent
RULES = """
aliases = [["U0DANA", "U0DANA2"]]

[may]
freeze = ["operator"]

[[start]]
roles = ["responder"]
runbooks = ["RB-INC-001"]
with = { services = ["complyai-api"] }

[[start]]
roles = ["dba"]
runbooks = ["RB-DB-*"]
environments = ["staging"]

[[approve]]
roles = ["dba"]
targets = ["rds/*"]

[[freeze]]
name = "Black Friday"
from = 2026-11-26T00:00:00Z
until = 2026-11-30T00:00:00Z
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("start RB-INC-001 services=complyai-api --role responder", 0, "by     [[start]] rule 1"),
        ("start RB-INC-001 services=complyai-core --role responder", 1, "only with services"),
        ("start RB-INC-001 --role responder", 1, "only with services complyai-api"),
        ("start RB-DB-001 --role dba", 1, "in staging, and this bot serves production"),
        ("start RB-DB-001 --role dba --environment staging", 0, "[[start]] rule 2"),
        ("lead RB-INC-001 --role responder", 1, "lets anybody lead"),
        ("answer RB-INC-001 --role responder", 1, "lets anybody answer"),
        ("approve DESTROY rds/complyai-prod --role dba --needs dba", 0, "[[approve]] rule 1"),
        ("approve DESTROY rds/complyai-prod --role dba", 1, "role operator decide this"),
        ("approve CHANGE rds/a CHANGE ecs/b --role dba --needs dba", 1, "CHANGE on ecs/b"),
        ("approve CHANGE rds/a --role dba --needs dba --asked-by U0DANA2", 1, "You asked for"),
        (
            "approve CHANGE rds/a --role dba --needs dba --at 2026-11-27T03:00Z",
            1,
            "frozen by the change freeze Black Friday",
        ),
        ("schedule RB-INC-001 services=complyai-api --role responder", 0, "[[start]] rule 1"),
        ("schedule RB-DB-001 --role responder", 1, "the role dba to keep a schedule of"),
        ("schedule RB-DB-001 --role viewer --added-by U0DANA2", 0, "it is their own schedule"),
        ("schedule RB-DB-001 --role dba --added-by U0LENA", 1, "lets anybody keep a schedule"),
        ("deny --role operator", 0, "which the step demands"),
        ("freeze --role operator", 0, "[may] freeze"),
        ("thaw --role viewer", 1, "You need the role operator"),
        ("read --role nothing", 0, "[may] read"),
        ("read-audit --role admin", 1, "lets nobody read the audit log"),
        ("break-glass --role admin", 1, "lets nobody break the glass"),
        ("review --role security", 0, "[may] review"),
        ("review --role dba", 1, "You need the role approver, security, leadership or admin"),
        ("review --role admin --broken-by U0DANA2", 1, "somebody else must review it"),
        ("review --role admin --asked-by U0DANA", 1, "somebody else must review it"),
        ("review --role admin --broken-by U0LENA --asked-by U0RAVI", 0, "[may] review"),
        ("review it --role dba", 2, "takes nothing more"),
        ("start --role dba", 2, "Say which runbook"),
        ("start RB-NO-001 --role dba", 2, "There is no runbook RB-NO-001"),
        ("start RB-INC-001 severity=P9 --role dba", 2, "severity"),
        ("start RB-INC-001 servces=a --role dba", 2, "Did you mean `services`"),
        ("approve DESTROY --role dba", 2, "Say what is changed"),
        ("approve BREAK rds/a --role dba", 2, "Say what is changed"),
        ("freeze now --role dba", 2, "takes nothing more"),
        ("read --role dba --at yesterday", 2, "Say when like"),
        ("read --role dba --at 2026-11-27T03:00", 2, "time zone as well"),
    ],
)
def test_it_says_yes_or_no_by_which_rule_and_why(
    rules: Path, capsys: pytest.CaptureFixture[str], words: str, status: int, said: str
) -> None:
    at = [] if "--at" in words else ["--at", "2026-11-25T12:00Z"]
    asked = ["policy", "test", "U0DANA", *words.split(), "--file", str(rules), *at]
    assert app.main(asked) == status
    told = capsys.readouterr().out
    assert said in told, told
    assert told.startswith({0: "Yes: U0DANA may ", 1: "No: U0DANA may not ", 2: ""}[status])


def test_check_says_everything_that_is_wrong_and_what_is_perhaps_not_meant(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["policy", "check", str(rules)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"ok: {rules} has 0 roles, 2 [[start]], 0 [[lead]], 1 [[approve]]")
    assert "note: nobody may lead anything" in told
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[may]\nfreze = []\nread = ["nobody"]\n')
    assert app.main(["policy", "check", str(wrong)]) == 2
    said = capsys.readouterr().err
    assert "line 2: [may]: freze does not exist" in said and "line 3" in said


def test_without_a_file_what_is_built_in_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert policy_of(Settings()) == DEFAULT
    (tmp_path / "policy.toml").write_text("")
    assert policy_of(Settings()).start == ()


def test_a_glass_that_is_broken_for_nobody_to_hear_stops_the_start() -> None:
    breakable = DEFAULT.model_copy(update={"may": DEFAULT.may.model_copy(
        update={"break_glass": ("leadership",)}
    )})  # fmt: skip
    deaf, hearing = Settings(), Settings(slack=SlackSettings(fallback_channel="C0ALERTS"))
    with pytest.raises(PolicyError, match=r"slack\.fallback_channel is empty"):
        check_announced(breakable, deaf)
    check_announced(breakable, hearing)
    check_announced(DEFAULT, deaf)


@pytest.mark.parametrize("text", [None, "[[start]]", b"\xff\xfe"])
def test_a_file_that_is_named_and_missing_or_wrong_stops_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str | bytes | None,
) -> None:
    path = tmp_path / "ours.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setenv("RUNBOOK_BOT_POLICY", str(path))
    with pytest.raises(PolicyError, match=r"ours\.toml"):
        policy_of(Settings())
    assert app.main(["serve"]) == 2
    assert "ours.toml" in capsys.readouterr().err


def test_the_sandbox_has_a_policy_that_names_its_own_groups() -> None:
    policy = policy_of(Settings(policy=str(POLICY)))
    named = {group for role in policy.roles.values() for group in role.groups}
    assert named <= {group.id for group in GROUPS}
    assert {group for one in COLLEAGUES for group in one.groups} <= {g.id for g in GROUPS}


@pytest.mark.slow
def test_it_works_offline_as_a_command_of_its_own(rules: Path) -> None:
    words = ("policy", "test", "U0DANA", "freeze", "--role", "operator", "--file", str(rules))
    asked = subprocess.run(
        [sys.executable, "app.py", *words],
        cwd=ROOT, env=os.environ | {"RUNBOOK_BOT_SLACK__API_URL": "http://127.0.0.1:9/"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert asked.returncode == 0 and asked.stdout.startswith("Yes: U0DANA may freeze"), asked
