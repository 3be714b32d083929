"""
The modals behind "Break glass…" and "Reviewed…".

Whoever breaks the glass reads the plan once more, what will happen and who will hear of it, types
the name of what is changed, and says why it cannot wait.
"""

from collections.abc import Iterator

from bot.engine.record import ApprovalRecord, RunRecord
from bot.slack.views import limits, names
from bot.slack.views.approval import what_it_means
from bot.slack.views.changes import change_blocks
from bot.slack.views.deciding import form, words_field
from bot.slack.views.escape import cut, one_line
from bot.slack.views.freezes import freeze_line
from bot.slack.views.glass import WHOLE, glass_line, went_through
from bot.slack.views.kit import Element, View, bullets, header, plain, rich, section, text
from bot.slack.views.limits import fit_blocks
from bot.slack.views.words import clock, day_and_clock

HEADING = "THIS GOES THROUGH WITHOUT APPROVAL"
TOLD = (
    "Everybody is told at once, in the alerts channel and in the run's: your name, the time, and"
    " the reason you give."
)
REVIEWED = "Somebody else reviews it. Until they have, it stands open and is said once a day."
ONCE = "It is this plan and nothing else, once. What has moved meanwhile is not touched."
WHY_HINT = "A sentence: why it cannot wait, and whom you tried to reach. Everybody reads it."
FOUND_HINT = "Was it right to do it without approval? What follows from it? Everybody reads it."


def glass_modal(approval: ApprovalRecord, run: RunRecord) -> View:
    tail = [  # the warning stands just above the fields, where one looks
        header(HEADING),
        bullets([text(_at_once(approval), bold=True)], *_warnings(approval)),
        words_field(
            names.TYPED, f"Type {approval.type_to_break} to break the glass", "", optional=False
        ),
        words_field(names.REASON, "Why can this not wait?", WHY_HINT, optional=False),
    ]
    blocks = [
        section(plain(f"{approval.effect}: {approval.title}", limits.SECTION_TEXT)),
        *change_blocks(approval),
        rich(*what_it_means(approval)),
    ]
    blocks = fit_blocks(blocks, limits.BLOCKS_IN_A_VIEW, tail)
    return form(names.GLASS_MODAL, "Break the glass", "Break the glass", approval, blocks)


def review_modal(approval: ApprovalRecord, run: RunRecord) -> View:
    fields = [words_field(names.REASON, "What did you find?", FOUND_HINT, optional=False)]
    blocks = [
        section(plain(f"{approval.title} (run {run.id})", limits.SECTION_TEXT)),
        rich(*_what_was_done(approval)),
        *change_blocks(approval),
    ]
    blocks = fit_blocks(blocks, limits.BLOCKS_IN_A_VIEW, fields)
    return form(names.REVIEW_MODAL, "Review a broken glass", "Reviewed", approval, blocks)


def _at_once(approval: ApprovalRecord) -> str:
    lacking = cut(one_line(approval.lacking), 200)
    made = "the button below makes the change at once"
    return f"{lacking} must approve. Nobody is waited for: {made}."


def _warnings(approval: ApprovalRecord) -> Iterator[list[Element]]:
    if approval.frozen:
        frozen = text("Changes are frozen, and it is made all the same: ")
        yield [frozen, *freeze_line(approval.frozen)]
    yield from ([text(one)] for one in (TOLD, REVIEWED, ONCE))
    yield [text(f"The request expires at {clock(approval.expires_at)}, also for this.")]


def _what_was_done(approval: ApprovalRecord) -> Iterator[list[Element]]:
    if glass := approval.glass:
        yield glass_line(glass, day_and_clock, WHOLE)
        yield [text(went_through(approval, glass))]
    yield [text(cut(one_line(approval.outcome) or "It is being applied.", 1000))]
