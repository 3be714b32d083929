"""
What was typed after `/runbook`, understood or not. Nothing is guessed: what is not clear is asked.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from bot.engine.intents import Refusal
from bot.runbook.mrkdwn import named

Verb = Literal[
    "catalogue", "list", "show", "run", "dry", "status", "cancel", "history", "audit", "freeze",
    "thaw", "reviews", "schedule", "help",
]  # fmt: skip
WORDS = frozenset(get_args(Verb)) - {"catalogue", "run"}

#: What a phone makes of quotes and dashes, and what Slack makes of &, < and >.
AS_TYPED = str.maketrans("\u201c\u201d\u201e\u2018\u2019\u00a0", '"""\'\' ')
ESCAPED = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
#: A runbook's or a run's, as people type it. Letters that only look like these are others.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
NO_ID = (
    "An id has letters, digits and dashes, at most 40 in all, such as RB-INC-001 or 7F3K."
    " `/runbook list` shows all runbooks, `/runbook status` what is running."
)
#: What follows is a reason in words of one's own: an apostrophe in it is no quote.
WITH_REASON: Mapping[str, Verb] = {"freeze": "freeze", "thaw": "thaw"}
NEEDS_SUBJECT = {
    "show": "Say which runbook: `/runbook show RB-INC-001`. `/runbook list` shows them all.",
    "dry": "Say which runbook: `/runbook dry RB-INC-001`. `/runbook list` shows them all.",
    "audit": "Say which run: `/runbook audit 7F3K`. `/runbook history` shows those that ran.",
    "cancel": "Say which run: `/runbook cancel 7F3K`. `/runbook status` shows what is running.",
}


@dataclass(frozen=True)
class Order:
    """`subject`: the id of a runbook or run, what to look for, a reason. `inputs` are as typed."""

    verb: Verb
    subject: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()  #: Of what has words of its own: all that follow.


def read_order(text: str) -> Order | Refusal:
    for mark, meant in ESCAPED:
        text = text.replace(mark, meant)
    begun, *reason = text.split(maxsplit=1)[:2] or [""]
    if with_reason := WITH_REASON.get(begun.lower()):
        return Order(with_reason, "".join(reason).strip().strip('"'))
    try:
        words = shlex.split(text.translate(AS_TYPED))
    except ValueError:
        return Refusal('A quote is not closed. Write `key="some words"`, with both quotes.')
    if not words:
        return Order("catalogue")
    first = words[0].lower()
    if first not in WORDS:
        return with_inputs("run", words)
    rest = words[1:]
    if first in NEEDS_SUBJECT and not rest:
        return Refusal(NEEDS_SUBJECT[first])
    if first == "dry":
        return with_inputs("dry", rest)
    if first == "schedule":
        return Order("schedule", words=tuple(rest))
    if first == "list":
        return Order("list", " ".join(rest))
    if len(rest) > 1:
        return Refusal(f"`/runbook {first}` takes one id, and there are {len(rest)}.")
    if rest and not ID.fullmatch(rest[0]):
        return Refusal(NO_ID)
    verb: Verb = first  # type: ignore[assignment]  # It is one of WORDS.
    return Order(verb, rest[0].upper() if rest else "")


def with_inputs(verb: Verb, words: Sequence[str]) -> Order | Refusal:
    if not ID.fullmatch(words[0]):
        return Refusal(NO_ID)
    inputs: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals or not KEY.fullmatch(key):
            return Refusal(
                f'I do not understand "{named(word)}". Inputs are written key=value, with quotes'
                ' round a value that has spaces: `brief_desc="core is down"`.'
            )
        name = key.replace("-", "_")
        if name in inputs:
            again = named(name)
            return Refusal(f'"{again}" is given twice. Several values are written {again}=a,b.')
        inputs[name] = value
    return Order(verb, words[0].upper(), inputs)
