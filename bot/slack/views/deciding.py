"""
The modals behind Approve and Deny.

No single tap can approve what destroys: the approver reads the plan once more and types the name
of what it is done to. A denial needs a reason.
"""

from collections.abc import Mapping
from typing import Any

from bot.engine.record import ApprovalRecord, RunRecord
from bot.slack.views import limits, names
from bot.slack.views.approval import missing_people, what_it_means
from bot.slack.views.changes import change_blocks
from bot.slack.views.kit import Element, View, person, plain, rich, section, text
from bot.slack.views.limits import Block, fit_blocks
from bot.slack.views.names import Strange
from bot.slack.views.words import clock, exact

LONGEST_REASON, LONGEST_TYPED = 1000, 300


def approve_modal(approval: ApprovalRecord, run: RunRecord) -> View:
    target = approval.type_to_approve
    fields = [words_field(names.REASON, "Reason", "Kept in the record of the run.", optional=True)]
    if target:
        fields.insert(0, words_field(names.TYPED, f"Type {target} to approve", "", optional=False))
    blocks = [
        section(plain(f"{approval.effect}: {approval.title}", limits.SECTION_TEXT)),
        *change_blocks(approval),
        rich(*what_it_means(approval), *_people(approval)),
    ]
    blocks = fit_blocks(blocks, limits.BLOCKS_IN_A_VIEW, fields)
    return form(names.APPROVE_MODAL, f"Approve {approval.effect}", "Approve", approval, blocks)


def deny_modal(approval: ApprovalRecord, run: RunRecord) -> View:
    blocks = [
        section(plain(f"{approval.title} (run {run.id})", limits.SECTION_TEXT)),
        words_field(
            names.REASON, "Why not?", "Everybody in the channel reads it.", optional=False
        ),
    ]
    return form(names.DENY_MODAL, "Deny", "Deny", approval, blocks)


def read_decision(state_values: Mapping[str, Any]) -> tuple[str, str]:
    """What was typed, and the reason, from a submission of any of these. Raises Strange."""
    typed, reason = _typed(state_values, names.TYPED), _typed(state_values, names.REASON)
    if len(typed) > LONGEST_TYPED or len(reason) > LONGEST_REASON:
        raise Strange("words that do not fit into their field")
    return typed, reason


def _people(approval: ApprovalRecord) -> list[list[Element]]:
    already = [one for one in approval.decisions if one.approves]
    lines = [[text(f"{missing_people(approval)}, until {clock(approval.expires_at)}.", bold=True)]]
    lines += [[person(one.by), text(f" approved at {exact(one.at)}.")] for one in already]
    return lines


def form(
    callback_id: str, title: str, submit: str, approval: ApprovalRecord, blocks: list[Block]
) -> View:
    """What was typed into it comes back with the approval's id."""
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, limits.MODAL_TITLE),
        "submit": plain(submit, limits.MODAL_BUTTON),
        "close": plain("Back", limits.MODAL_BUTTON),
        "private_metadata": names.Metadata(about=approval.id).pack(),
        "blocks": blocks,
    }


def words_field(block_id: str, label: str, hint: str, *, optional: bool) -> Block:
    long = block_id == names.REASON
    element = {"type": "plain_text_input", "action_id": names.VALUE, "multiline": long}
    element["max_length"] = LONGEST_REASON if long else LONGEST_TYPED
    field: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label, limits.INPUT_LABEL),
        "element": element,
        "optional": optional,
    }
    return field | ({"hint": plain(hint, limits.INPUT_HINT)} if hint else {})


def _typed(state_values: Mapping[str, Any], block_id: str) -> str:
    field = state_values.get(block_id, {}).get(names.VALUE, {})
    return str(field.get("value") or "").strip()
