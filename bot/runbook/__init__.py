"""
The nouns of the language: what a runbook file or an adapter is made of. The words a step answers
with are in `bot.runbook.words`, durations in `bot.runbook.durations`.
"""

from bot.runbook.adapter import Adapter, Key, Pair, Progress, Seen, pair
from bot.runbook.book import Runbook
from bot.runbook.changes import CHANGE, DESTROY, Change, Done, Nothing, Plan
from bot.runbook.company import Company
from bot.runbook.findings import Concern, File, Findings, Found, NextHop, Plot, Table, Watched
from bot.runbook.index import index
from bot.runbook.questions import Choice, Question, Todo
from bot.runbook.values import Answer, Facts, Person, Run, RunbookInputs, Secret, Thresholds

__all__ = [
    "CHANGE",
    "DESTROY",
    "Adapter",
    "Answer",
    "Change",
    "Choice",
    "Company",
    "Concern",
    "Done",
    "Facts",
    "File",
    "Findings",
    "Found",
    "Key",
    "NextHop",
    "Nothing",
    "Pair",
    "Person",
    "Plan",
    "Plot",
    "Progress",
    "Question",
    "Run",
    "Runbook",
    "RunbookInputs",
    "Secret",
    "Seen",
    "Table",
    "Thresholds",
    "Todo",
    "Watched",
    "index",
    "pair",
]
