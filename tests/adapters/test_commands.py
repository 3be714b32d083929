"""The line of a change is what an operator would type: pasted, it is that call and no other."""

import importlib
import json
import pkgutil
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import ValidationError

import adapters
from adapters.dns import UpsertRecord
from adapters.ecs import (
    BeginUpdate,
    CreateService,
    RegisterTaskDefinition,
    RestartService,
    ScaleService,
    UpdateService,
)
from adapters.iam import DenyOlderSessions
from adapters.migrations import DowngradeSchema, MigrateSchema
from adapters.parameters import PLACES, SetParameter
from adapters.plain import plain
from adapters.postgres import Postgres, RunBackfill
from adapters.rds import FailOver, ModifyClass, RebootWithFailover, TakeSnapshot
from adapters.rds.restores import Setting, Tag
from bot.runbook import Adapter, Change, Person, Secret
from bot.runbook.values import storable
from tests.hostile import MALICE

AT = datetime(2026, 9, 1, 3, tzinfo=UTC)
#: Stands for what is put in, in a line that needs no quotes.
PUT_IN = "put-in"
OF_AWS = {
    UpdateService, BeginUpdate, RestartService, ScaleService, FailOver, RebootWithFailover,
    ModifyClass,
}  # fmt: skip
SQL = [pair.change for pair in Postgres.alters]
#: What nobody outside writes: of the catalogue, and made by us as JSON.
RECORD = json.dumps({"Name": "a.example.", "Type": "CNAME", "TTL": 60, "ResourceRecords": []})
GIVEN: dict[type[Change], dict[str, str]] = {
    RunBackfill: {"expression": "lower(name)", "todo": "name IS NULL"},
    UpsertRecord: {"value": RECORD},
}
#: Whose line has a document or a program in it, with quotes of its own.
WITH_A_DOCUMENT = {
    DenyOlderSessions, MigrateSchema, DowngradeSchema, UpsertRecord, RegisterTaskDefinition,
    CreateService,
}  # fmt: skip
#: A name in quotes, a name without, or any other character.
TOKEN = re.compile(r'"(?:[^"]|"")*"|\w+|\S')


MADE_OF: dict[Any, Callable[[str], Any]] = {
    Setting: lambda text: Setting(name="DBSubnetGroupName", value=text),
    Tag: lambda text: Tag(key="team", value=text),
}


def every_change() -> list[type[Change]]:
    found: dict[str, type[Change]] = {}
    for module in pkgutil.walk_packages(adapters.__path__, "adapters."):
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, Adapter):
                found |= {pair.change.__name__: pair.change for pair in one.alters}
    return list(found.values())


def filled(kind: type[Change], text: str) -> Change:
    """With the text wherever the change takes one. Raises ValidationError where it must not."""
    fields = {name: _value(field.annotation, text) for name, field in kind.model_fields.items()}
    return kind(**{**fields, **GIVEN.get(kind, {})})


def _value(wanted: Any, text: str) -> Any:
    if wanted in MADE_OF:
        return MADE_OF[wanted](text)
    if get_origin(wanted) in (Union, UnionType):
        (wanted,) = (one for one in get_args(wanted) if one is not NoneType)
    if get_origin(wanted) is Literal:
        return get_args(wanted)[0]
    if get_origin(wanted) is tuple:
        item = get_args(wanted)[0]
        return ("U0DANA",) if get_origin(item) else (_value(item, text),)
    an_hour, somebody = timedelta(hours=1), Person(user_id="U0DANA")
    known = {str: text, int: 2, float: 0.5, bool: False, timedelta: an_hour, Person: somebody}
    known[Secret] = Secret(name=text, version="v")
    return known.get(wanted, AT)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in every_change() if kind not in SQL],
    ids=lambda kind: kind.__name__,
)
def test_whatever_is_put_in_it_stays_one_word_of_the_line(kind: type[Change]) -> None:
    words = shlex.split(filled(kind, PUT_IN).command())
    assert len(words) > 1
    for name, malice in MALICE.items():
        if kind is SetParameter and malice.startswith(PLACES):
            continue  # Said in another way: see below.
        if kind is CreateService and not malice:
            continue  # Without a target group it says less.
        try:
            said = shlex.split(filled(kind, malice).command())
        except ValidationError:
            continue  # It is not even taken.
        shown = (storable(malice), plain(storable(malice)))
        wanted = [{word.replace(PUT_IN, one) for one in shown} for word in words]
        assert len(said) == len(wanted), name
        assert all(one in some for one, some in zip(said, wanted, strict=True)), name


@pytest.mark.parametrize("kind", SQL, ids=lambda kind: kind.__name__)
def test_whatever_is_put_in_it_stays_one_name_of_the_statement(kind: type[Change]) -> None:
    tokens = TOKEN.findall(filled(kind, PUT_IN).command())
    assert len(tokens) > 3
    for name, malice in MALICE.items():
        quoted = storable(malice).replace('"', '""')
        wanted = [f'"{quoted}"' if one == f'"{PUT_IN}"' else one for one in tokens]
        said = TOKEN.findall(filled(kind, malice).command())
        simple = [one.strip('"') if one.strip('"') == malice else one for one in wanted]
        assert said in (wanted, simple), name


def test_what_is_applied_as_well_is_a_comment_that_ends_with_the_line() -> None:
    change = ModifyClass(
        database="a", instance="a-1", instance_class="b", replacing="c", also=("x\nrm -rf /",)
    )
    assert "\n" not in change.command()


def test_every_change_that_aws_is_told_is_among_them() -> None:
    assert {*OF_AWS, SetParameter, TakeSnapshot} <= set(every_change())


def test_an_ordinary_line_needs_no_quotes() -> None:
    for kind in every_change():
        if kind in WITH_A_DOCUMENT:
            continue
        assert "'" not in filled(kind, PUT_IN).command()


def test_the_document_of_a_policy_is_one_word_of_the_line() -> None:
    change = DenyOlderSessions(role="core", incident="7F3K", before=AT)
    *line, document = shlex.split(change.command())
    assert line[:3] == ["aws", "iam", "put-role-policy"] and line[-1] == "--policy-document"
    assert json.loads(document) == change.document
    (deny,) = change.document["Statement"]
    issued = {"DateLessThan": {"aws:TokenIssueTime": "2026-09-01T03:00:00Z"}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", issued)


def test_the_overrides_of_a_task_are_one_word_of_the_line() -> None:
    change = filled(MigrateSchema, "a005")
    assert isinstance(change, MigrateSchema)
    *line, overrides = shlex.split(change.command())
    assert line[:3] == ["aws", "ecs", "run-task"] and line[-1] == "--overrides"
    assert json.loads(overrides)["containerOverrides"] == [
        {"name": "a005", "command": list(change.argv)}
    ]


def test_a_value_that_the_aws_cli_would_read_from_elsewhere_is_given_as_it_is() -> None:
    change = SetParameter(name="/a", value="file:///etc/passwd", replacing="x")
    assert shlex.split(change.command()) == [
        "aws", "ssm", "put-parameter", "--cli-input-json",
        '{"Name": "/a", "Value": "file:///etc/passwd", "Overwrite": true}',
    ]  # fmt: skip
    assert "--value x" in change.undo().command()
