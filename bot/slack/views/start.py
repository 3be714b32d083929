"""The modal that starts a run, made from the inputs of its runbook."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.runbook.outline import Outline
from bot.slack.views import limits, names
from bot.slack.views.answers import flat
from bot.slack.views.fields import FormField, Schema, form_fields
from bot.slack.views.inputs import input_blocks
from bot.slack.views.kit import View, context, plain, rich, section, text
from bot.slack.views.limits import Block, fit_blocks
from bot.slack.views.names import Metadata


def start_modal(
    outline: Outline,
    menus: Mapping[str, Sequence[str]] | None = None,
    values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    metadata: Metadata | None = None,
) -> View:
    """`values` are filled in already; `errors` say what is wrong with which field."""
    remembered = replace(metadata or Metadata(), book=outline.book)
    blocks: list[Block] = [
        section(plain(f"{outline.book} {outline.title}", limits.SECTION_TEXT)),
        *_dry(remembered),
        *_unread(outline, menus or {}),
        *form_blocks(outline.inputs, menus or {}, values or {}, errors or {}),
    ]
    return {
        "type": "modal",
        "callback_id": names.START_MODAL,
        "title": plain(outline.book, limits.MODAL_TITLE),
        "submit": plain("Dry run" if remembered.dry else "Start", limits.MODAL_BUTTON),
        "close": plain("Cancel", limits.MODAL_BUTTON),
        "private_metadata": remembered.pack(),
        "blocks": fit_blocks(blocks, limits.BLOCKS_IN_A_VIEW),
    }


def form_blocks(
    schema: Schema,
    menus: Mapping[str, Sequence[str]],
    values: Mapping[str, Any],
    errors: Mapping[str, str],
) -> list[Block]:
    blocks: list[Block] = []
    fields = form_fields(schema)
    for field in fields:
        error = errors.get(field.name, "")
        blocks += input_blocks(field, menus.get(field.name), _held(field, values), error)
    known = {field.name for field in fields}
    general = [why for name, why in errors.items() if name not in known]
    return [*(context(plain(why, 1000)) for why in general), *blocks]


def _held(field: FormField, values: Mapping[str, Any]) -> Any:
    value = flat(values, field.name)
    return field.default if value is None else value


def _dry(metadata: Metadata) -> list[Block]:
    if not metadata.dry:
        return []
    return [rich([text("A dry run: it looks, asks nobody and changes nothing.", bold=True)])]


def _unread(outline: Outline, menus: Mapping[str, Sequence[str]]) -> list[Block]:
    titles = {field.name: field.title for field in form_fields(outline.inputs)}
    missing = [titles.get(name, name) for name in outline.menus if name not in menus]
    if not missing:
        return []
    said = f"The choices for {', '.join(missing)} could not be read just now: type them in."
    return [context(plain(said, 1000))]
