"""
`python app.py policy`: whether somebody may do something, by which rule, and why; and whether a
policy file can be used. Asks the function that decides for everything else, and changes nothing.
"""

import argparse
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from assembly.policy import policy_in, policy_of
from assembly.secrets import open_vault, slack_token
from bot.access.acts import (
    Act,
    Allowed,
    Answer,
    Approve,
    BreakGlass,
    Deny,
    Freeze,
    Lead,
    Moment,
    Read,
    ReadAudit,
    Review,
    Schedule,
    Start,
    Touched,
)
from bot.access.deciding import may
from bot.access.member import Member, humans
from bot.access.policy import Policy
from bot.access.policy_file import notes
from bot.engine.intents import Refusal
from bot.runbook.errors import StepError
from bot.runbook.outline import outline
from bot.settings import Settings
from bot.slack.calls import open_calls
from bot.slack.listeners.typed_inputs import read_inputs
from bot.slack.people import People
from commands import IN_PROSE, RUNBOOKS

YES, NO, UNCLEAR = 0, 1, 2
STEPS_ROLE = "operator"  #: What a step demands that says nothing else.
PLAIN: Mapping[str, Act] = {
    "read": Read(),
    "freeze": Freeze(),
    "thaw": Freeze(),
    "read-audit": ReadAudit(),
    "break-glass": BreakGlass(),
}
OF_RUN: Mapping[str, Callable[[str, Mapping[str, Any]], Act]] = {
    "start": Start,
    "lead": Lead,
    "answer": Answer,
    "schedule": Schedule,
}
ACTS = (*OF_RUN, "approve", "deny", "review", *PLAIN)


class Unclear(Exception):
    """What was asked cannot be understood."""


def add_arguments(policy: argparse.ArgumentParser) -> None:
    ways = policy.add_subparsers(dest="way", metavar="test|check", required=True)
    test = ways.add_parser("test", help="may this person do this? exit status 0: yes, 1: no")
    test.add_argument("person", help="the user id, U...")
    test.add_argument("act", choices=ACTS)
    test.add_argument(
        "about", nargs="*", help="RUNBOOK key=value...; of approve: EFFECT TARGET [EFFECT TARGET]"
    )
    test.add_argument("--at", help="when, such as 2026-11-27T03:00Z (default: now)")
    test.add_argument("--role", action="append", help="instead of asking Slack; again for more")
    test.add_argument("--environment", help="instead of company.environment")
    test.add_argument("--file", help="another policy file than that of the settings")
    test.add_argument("--needs", default=STEPS_ROLE, help="the role that the step demands")
    test.add_argument("--asked-by", default="", help="the user id of who asked for the change")
    test.add_argument("--broken-by", default="", help="the user id of who broke the glass")
    test.add_argument(
        "--added-by", help="the user id of who added the schedule; empty: its runbook declares it"
    )
    check = ways.add_parser("check", help="say everything that is wrong with a policy file")
    check.add_argument("file")


def check(file: str) -> int:
    """Raises PolicyError."""
    policy = policy_in(Path(file))
    tables = ("start", "lead", "approve", "freeze")
    counts = [f"{len(getattr(policy, name))} [[{name}]]" for name in tables]
    print(f"ok: {file} has {len(policy.roles)} roles, {', '.join(counts)}")
    for note in notes(policy):
        print(f"note: {note}")
    return YES


async def test(told: argparse.Namespace, settings: Settings) -> int:
    """Raises PolicyError."""
    policy = policy_in(Path(told.file)) if told.file else policy_of(settings)
    try:
        act = _act(told)
        moment = Moment(_at(told.at), told.environment or settings.company.environment)
        member = await _member(told, policy, settings)
    except (Unclear, StepError) as why:
        print(why)
        return UNCLEAR
    answer = may(policy, member, act, moment)
    allowed = isinstance(answer, Allowed)
    what = " ".join((told.act, *told.about))
    print(f"{'Yes' if allowed else 'No'}: {told.person} {'may' if allowed else 'may not'} {what}")
    print(f"  by     {answer.rule}" if isinstance(answer, Allowed) else f"  why    {answer.why}")
    print(f"  roles  {', '.join(sorted(member.roles)) or 'none'}")
    print(f"  when   {moment.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, in {moment.environment}")
    if isinstance(act, Approve):
        print(f"  needs  the role {act.role} for the step; the stop switch is not looked at here")
    return YES if allowed else NO


async def _member(told: argparse.Namespace, policy: Policy, settings: Settings) -> Member:
    """Raises Unreachable, Refused."""
    if told.role:
        others = humans(policy.aliases).get(told.person, frozenset()) - {told.person}
        return Member(told.person, told.person, frozenset(told.role), same_human_as=others)
    async with contextlib.AsyncExitStack() as stack:
        token = slack_token(settings, open_vault(settings, stack))
        calls = await stack.enter_async_context(open_calls(settings.slack, token))
        return await People(calls, policy.roles, policy.aliases).member(told.person)


def _act(told: argparse.Namespace) -> Act:
    word, about = str(told.act), list(told.about)
    if word in OF_RUN:
        if not about:
            raise Unclear(f"Say which runbook: policy test {told.person} {word} RB-INC-001")
        inputs = _inputs(about[0], about[1:])
        if word == "schedule":
            return Schedule(about[0], inputs, told.added_by)
        return OF_RUN[word](about[0], inputs)
    if word == "approve":
        return Approve(told.needs, _touches(about), told.asked_by)
    if about:
        raise Unclear(f"{word} takes nothing more, and there is {' '.join(about)}")
    if word == "review":
        return Review(told.broken_by, told.asked_by)
    return Deny(told.needs) if word == "deny" else PLAIN[word]


def _touches(words: Sequence[str]) -> tuple[Touched, ...]:
    effects, targets = words[::2], words[1::2]
    strange = [one for one in effects if one not in ("CHANGE", "DESTROY")]
    if not words or len(effects) != len(targets) or strange:
        raise Unclear("Say what is changed: approve DESTROY rds/complyai-prod")
    return tuple(Touched(effect, target) for effect, target in zip(effects, targets, strict=True))


def _inputs(book_id: str, words: Sequence[str]) -> Mapping[str, Any]:
    """As a run would have them: what is not given has its default, or is empty."""
    book = RUNBOOKS.get(book_id)
    if book is None:
        if book_id in IN_PROSE:
            return {}
        raise Unclear(f"There is no runbook {book_id}. There are {', '.join(RUNBOOKS)}.")
    typed = dict(word.partition("=")[::2] for word in words)
    given = read_inputs(outline(book), typed)
    if isinstance(given, Refusal):
        raise Unclear(given.why)
    try:
        return book.inputs.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        wrong = [one for one in error.errors() if one["type"] != "missing"]
    if wrong:
        said = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in wrong)
        raise Unclear(f"Some inputs are not right: {said}")
    fields = book.inputs.model_fields
    return {name: given.get(name, _left_empty(field)) for name, field in fields.items()}


def _left_empty(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _at(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unclear("Say when like 2026-11-27T03:00Z") from None
    if at.tzinfo is None:
        raise Unclear("Say the time zone as well: 2026-11-27T03:00Z")
    return at
