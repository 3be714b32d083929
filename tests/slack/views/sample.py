"""Runs to be shown: a small one that needs everything, a long one, and one full of malice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.engine.record import (
    ApprovalRecord,
    ChangeRecord,
    Decision,
    Origin,
    QuestionRecord,
    RunRecord,
    StepRecord,
)
from bot.engine.versions import CHOICES
from bot.runbook.findings import Details, File, NextHop, Plot, Table
from bot.runbook.outline import Outline, SectionOutline, StepOutline
from tests.hostile import MIXED

HOSTILE = MIXED
T0 = datetime(2026, 3, 6, 14, 2, 0, tzinfo=UTC)
DANA, LENA, RAVI = "U0DANA0000", "U0LENA0000", "U0RAVI0000"
PERSON_SCHEMA = {
    "title": "Person",
    "type": "object",
    "properties": {"user_id": {"title": "User Id", "type": "string"}},
    "required": ["user_id"],
}
INPUTS = {
    "title": "Inputs",
    "type": "object",
    "properties": {
        "brief_desc": {"title": "Brief", "type": "string", "pattern": "^[a-z0-9-]{3,40}$"},
        "services": {"title": "Services", "type": "array", "items": {"type": "string"}},
        "severity": {"title": "Severity", "enum": ["P1", "P2"], "default": "P1"},
    },
    "required": ["brief_desc"],
}


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def outlined(key: str, kind: Any = "check", title: str = "", **more: Any) -> StepOutline:
    return StepOutline(key, title or key.replace("_", " ").capitalize(), kind, {}, (), **more)


def outline(*sections: SectionOutline, **more: Any) -> Outline:
    plain = Outline(
        "RB-INC-001", "Service Outage", "P1/P2", "Incident", INPUTS, ("services",), (), sections
    )
    return replace(plain, **more)


DESTROYING = {"effect": "DESTROY", "people": 2, "changes": ("RebootWithFailover",), "undoable": ()}


def outage_outline() -> Outline:
    act: dict[str, Any] = {"effect": "CHANGE", "people": 1, "role": "operator"}
    act |= {"changes": ("UpdateService",), "undoable": ("UpdateService",)}
    immediate = (
        outlined("create_channel", "action", unattended="ours", effect="CHANGE"),
        outlined("commander", "ask", "Assign Incident Commander"),
    )
    diagnosis = (
        outlined("services"),
        outlined("deployments", title="Recent deployments"),
        outlined("database"),
        outlined("vendors", title="External dependencies"),
    )
    recovery = (
        outlined("roll_back", "action", suggested_by=("deployments",), **act),
        outlined("fail_over", "action", **(act | DESTROYING)),
        outlined("recovered", "watch", "Watch recovery", lasting_s=900.0),
    )
    return outline(
        SectionOutline("immediate_actions", "Immediate Actions", "in order", True, immediate),
        SectionOutline("diagnosis", "Diagnosis", "together", False, diagnosis),
        SectionOutline("recovery_actions", "Recovery Actions", "pick", False, recovery),
        SectionOutline(
            "post_incident", "Post-Incident", "in order", True, (outlined("review", "confirm"),)
        ),
    )


def table(rows: int = 2, columns: int = 3) -> Table:
    named = tuple(f"column {n}" for n in range(columns))
    return Table(named, tuple(tuple(r * columns + n for n in range(columns)) for r in range(rows)))


def plot() -> Plot:
    line = tuple((after(60 * n), float(n % 7)) for n in range(30))
    return Plot("Errors", "errors/min", {"complyai-core": line}, limit=5.0)


def outage() -> RunRecord:
    """Diagnosed; a person is to pick."""
    book = outage_outline()
    done = {
        "create_channel": ("given", "#incident-20260306-api-down is open"),
        "commander": ("given", f"<@{RAVI}>"),
        "services": ("problem", "complyai-core runs 0 of 4 tasks"),
        "deployments": ("problem", "complyai-core:42 deployed 11 min ago by ci"),
        "database": ("ok", "writer answers in 3 ms, 61 of 400 connections"),
        "vendors": ("unknown", "status page of Auth0 answered HTML"),
    }
    hop = NextHop("RB-REC-001", "The database is gone", {"database": "complyai-prod"})
    details = Details(table=table(), plot=plot(), file=File("a b.txt", "x"), next_hops=(hop,))
    steps: dict[str, StepRecord] = {}
    for section in book.sections:
        for step in section.steps:
            status: Any
            status, says = done.get(step.key, ("waiting", ""))
            known: dict[str, Any] = {}
            if status != "waiting":
                known = {"says": says, "started_at": after(10), "ended_at": after(31)}
            one: Any = {"status": status, "lasting_s": step.lasting_s, **known}
            steps[step.key] = StepRecord(step.key, step.title, step.kind, section.key, **one)
    steps["services"] = replace(steps["services"], details=details)
    return RunRecord(
        id="7F3K",
        outline=book,
        inputs={"brief_desc": "api-down", "services": ["complyai-core"], "severity": "P1"},
        started_by=DANA,
        started_at=T0,
        origin=Origin("C0GENERAL0", "general"),
        status="running",
        steps=steps,
        suggested=("roll_back",),
        open_pick="recovery_actions",
        updated_at=after(240),
        room_name="incident-20260306-api-down",
    )


def change(**more: Any) -> ChangeRecord:
    known: dict[str, Any] = {
        "kind": "UpdateService",
        "target": "ecs/production/complyai-core",
        "command": "aws ecs update-service --cluster production --service complyai-core"
        " --task-definition complyai-core:41",
        "now": "complyai-core runs complyai-core:42, 0 of 4 tasks",
        "then": "complyai-core runs complyai-core:41",
        "undo": "aws ecs update-service --cluster production --service complyai-core"
        " --task-definition complyai-core:42",
        "at": after(238),
    }
    return ChangeRecord(**(known | more))


def approval(**more: Any) -> ApprovalRecord:
    known: dict[str, Any] = {
        "id": "q1w2e3r4t5y6",
        "step": "roll_back",
        "title": "Roll back complyai-core",
        "effect": "CHANGE",
        "changes": (change(),),
        "because": "Services affected, Recent deployments",
        "beware": "about 4 tasks are replaced",
        "role": "operator",
        "people": 1,
        "requested_by": DANA,
        "asked_at": after(240),
        "expires_at": after(1140),
        "digest": "ab" * 32,
        "status": "pending",
    }
    return ApprovalRecord(**(known | more))


def destroy(**more: Any) -> ApprovalRecord:
    known: dict[str, Any] = {
        "step": "fail_over",
        "title": "Fail over complyai-prod",
        "effect": "DESTROY",
        "people": 2,
        "type_to_approve": "complyai-prod",
        "changes": (
            change(
                kind="FailOver",
                target="rds/complyai-prod",
                command="aws rds failover-db-cluster --db-cluster-identifier complyai-prod",
                now="writer complyai-prod-1",
                then="complyai-prod-2 writes",
                undo=None,
            ),
        ),
    }
    return approval(**(known | more))


def approved(by: str = LENA, seconds: float = 280, reason: str = "") -> Decision:
    return Decision(by, True, reason, after(seconds))


def denied(by: str = LENA, reason: str = "not during the sale") -> Decision:
    return Decision(by, False, reason, after(280))


NOT_APPLIED = ("outdated", "frozen")


def with_approval(run: RunRecord, one: ApprovalRecord) -> RunRecord:
    status: Any = {"pending": "planned", "approved": "applying", "cancelled": "cancelled"}
    status["glass broken"] = "applying"
    state = status.get(one.status, "failed" if one.status in NOT_APPLIED else one.status)
    step = replace(run.steps[one.step], status=state)
    return replace(run, approvals={one.id: one}, steps={**run.steps, one.step: step})


def question(kind: Any = "ask", **more: Any) -> QuestionRecord:
    known: dict[str, Any] = {"text": "Who leads this incident?", "answer_schema": PERSON_SCHEMA}
    if kind != "ask":
        known = {"text": "RDS says failing-over, and the answer was lost."}
    if kind == "gone":
        known["choices"] = tuple((label, {"then": then}) for label, then in CHOICES)
    known |= {"id": "qu_1", "step": "commander", "kind": kind, "title": "Assign a Commander"}
    return QuestionRecord(**(known | more))


def long_run(sections: int = 12, steps: int = 5) -> RunRecord:
    """Sixty steps: the first sections are over, one is running, the rest is to come."""
    words: Any = ["ok", "given", "warning", "ok", "nothing"]
    made, records = [], {}
    for s in range(sections):
        inside = tuple(outlined(f"s{s}_{n}", title=f"Check part {n} of {s}") for n in range(steps))
        made.append(SectionOutline(f"s{s}", f"Section {s}", "in order", True, inside))
        for n, step in enumerate(inside):
            status: Any = words[n % 5] if s < 6 else "working" if s == 6 and n == 0 else "waiting"
            known = {"says": "fine " * 40, "started_at": T0, "ended_at": after(9)}
            extra: Any = known if s < 6 else {}
            records[step.key] = StepRecord(step.key, step.title, "check", f"s{s}", status, **extra)
    return replace(outage(), outline=outline(*made), steps=records, suggested=(), open_pick=None)


def hostile_run(malice: str) -> RunRecord:
    """The same malice wherever a person or a system can put it."""
    run = outage()
    rows = tuple((malice, malice) for _ in range(3))
    details = Details(
        table=Table((malice, "b"), rows),
        plot=replace(plot(), title=malice, unit=malice, lines={malice: ((T0, 1.0),)}),
        file=File(malice, malice),
        next_hops=(NextHop("RB-REC-001", malice, {"database": malice}),),
    )
    steps = {
        key: replace(step, says=malice, title=malice, blocked_by=malice, details=details)
        for key, step in run.steps.items()
    }
    # As the desk writes down what somebody answered: a person only where one was asked for.
    answered = f"words: {malice}".replace("<@", "< @")
    steps["commander"] = replace(steps["commander"], says=answered)
    return replace(
        run,
        steps=steps,
        inputs={"brief_desc": malice, "severity": malice, malice or "x": [malice]},
        ended_because=malice,
        started_by=malice,
        origin=Origin("C0GENERAL0", malice),
        room_name=malice,
        outline=replace(run.outline, title=malice, category=malice, when=(malice,)),
        held=("services",),
        undoable=("roll_back",),
    )


def hostile_approval(malice: str, **more: Any) -> ApprovalRecord:
    bad = change(target=malice, command=malice, now=malice, undo=malice or None, seen=malice)
    known: dict[str, Any] = {
        "title": malice,
        "changes": (bad, bad),
        "because": malice,
        "beware": malice,
        "role": malice,
        "requested_by": malice,
        "outcome": malice,
        "decisions": (Decision(malice, True, malice, T0),),
        "type_to_approve": malice,
    }
    return approval(**(known | more))
