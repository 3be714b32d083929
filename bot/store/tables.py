"""
The bot's own tables: the truth that people see. Bodies are JSON text; times are seconds since the
epoch. The schema is made and moved by bot/store/migrations, never by hand.
"""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, metadata, *columns)


def _text(name: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, **more)


def _number(name: str, **more: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, **more)


def _time(name: str, **more: Any) -> sa.Column[float]:
    return sa.Column(name, sa.Double, **more)


runs = _table(
    "runs",
    _text("id", primary_key=True),
    _text("book", nullable=False, index=True),
    _text("outline", nullable=False),
    _text("inputs", nullable=False),
    _text("state", nullable=False),  #: The conductor's.
    _text("status", nullable=False, index=True),
    _text("started_by", nullable=False),
    _text("schedule"),  #: The id of the one that has started it.
    _text("origin_channel"),
    _text("origin_name", nullable=False),
    _number("dry", nullable=False),
    _time("started_at", nullable=False, index=True),
    _time("updated_at", nullable=False),
    _time("ended_at"),
)

#: Every event that was taken in; the key is the delivery's own id, so a duplicate stops here.
events = _table(
    "events",
    _text("key", primary_key=True),
    _text("run", index=True),
    _text("kind", nullable=False),
    _text("about", nullable=False),
    _text("by"),
    _text("answer", nullable=False),  #: What the person was told, to be told again.
    _time("at", nullable=False),
)

#: What people typed into forms as secrets, sealed by bot/secrets/keeping.py.
kept_secrets = _table(
    "kept_secrets",
    _text("name", primary_key=True),
    _text("version", primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    _time("at", nullable=False),
)

#: Starts that were acknowledged and are not begun yet; the key is the delivery's own id.
starts = _table(
    "starts",
    _text("key", primary_key=True),
    _text("book", nullable=False),
    _text("inputs", nullable=False),  #: As they were asked for, not judged yet.
    _number("dry", nullable=False),
    _text("by", nullable=False),
    _text("team", nullable=False),
    _text("channel"),
    _text("channel_name", nullable=False),
    _time("at", nullable=False),
)

#: What is started by the clock.
schedules = _table(
    "schedules",
    _text("id", primary_key=True),  #: The runbook's own, of one that a runbook declares.
    _text("book", nullable=False),
    _text("inputs", nullable=False),
    _text("cron", nullable=False),
    _text("zone", nullable=False),
    _text("channel"),  #: Where it speaks.
    _text("channel_name", nullable=False),
    _text("by", nullable=False),  #: Who added it; empty: the runbook itself.
    _text("team", nullable=False),
    _time("paused_at"),
    _text("paused_by", nullable=False),  #: Empty: the bot itself.
    _text("paused_why", nullable=False),
    _time("next_at", nullable=False),
    _time("last_at"),  #: The moment that the last run was due at.
    _text("last_run"),
    _text("skipped", nullable=False),  #: What was not made since the last run, and why.
    _time("created_at", nullable=False),
)

#: What people were told of each concern, by channel: as long as it is not well again.
told = _table(
    "told",
    _text("topic", primary_key=True),
    _text("concern", primary_key=True),
    _text("channel", primary_key=True),  #: Empty: the run had none.
    _text("verdict", nullable=False),  #: As it was told; ok: nothing was.
    _text("says", nullable=False),
    _time("since", nullable=False),  #: When it was first seen so.
    _text("run", nullable=False),
    _text("book", nullable=False),
    _time("told_at", nullable=False),
    _text("scope", nullable=False),  #: The inputs of the run that saw it; empty: the usual ones.
    _text("seen", nullable=False),  #: The verdict of the last look.
    _time("seen_since", nullable=False),
)

#: What has turned in a run that speaks once, as its report says it.
news = _table(
    "news",
    _text("run", primary_key=True),
    _text("turns", nullable=False),
)

steps = _table(
    "steps",
    _text("run", primary_key=True),
    _text("key", primary_key=True),
    _text("status", nullable=False),
    _number("attempt", nullable=False),
    _text("says", nullable=False),
    _text("result"),  #: What later steps get: facts, an answer, inputs, or what was changed.
    _text("details", nullable=False),
    sa.Column("progress", sa.Double),
    _time("started_at"),
    _time("ended_at"),
)

#: A piece of work somebody must do; done at least once, reported exactly once (the fence).
work = _table(
    "work",
    _text("id", primary_key=True),
    _text("run", nullable=False, index=True),
    _text("step", nullable=False),
    _text("phase", nullable=False),  #: call | apply
    _number("attempt", nullable=False),
    _text("plan"),  #: The plan that an apply carries out.
    _text("targets", nullable=False),  #: Locks it must hold, in the order of their names.
    _text("status", nullable=False),  #: blocked | due | taken | finished
    _text("owner"),
    _number("fence", nullable=False),
    _number("stop", nullable=False),
    _time("born_at", nullable=False),
)
sa.Index("work_open", work.c.status, work.c.born_at)

plans = _table(
    "plans",
    _text("id", primary_key=True),  #: Opaque; the approval's id.
    _text("run", nullable=False, index=True),
    _text("step", nullable=False),
    _number("attempt", nullable=False),
    _text("text", nullable=False),  #: What is approved and what is applied.
    _text("digest", nullable=False),
    _text("effect", nullable=False),
    _number("people", nullable=False),
    _text("role", nullable=False),
    _text("requested_by", nullable=False),
    _time("asked_at", nullable=False),
    _time("expires_at", nullable=False),
    _text("status", nullable=False),  #: ApprovalStatus of bot/engine/record.py.
    _text("outcome", nullable=False),
)

decisions = _table(
    "decisions",
    _text("plan", primary_key=True),
    _text("by", primary_key=True),
    _number("approves", nullable=False),
    _text("reason", nullable=False),
    _time("at", nullable=False),
)

#: A plan that went through without its quorum: who broke the glass for it and why, and who looked
#: at that afterwards.
broken_glass = _table(
    "broken_glass",
    _text("plan", primary_key=True),
    _text("by", nullable=False),
    _text("reason", nullable=False),
    _text("despite", nullable=False),  #: The freeze that stood in the way, in words.
    _time("at", nullable=False),
    _number("reminded", nullable=False),  #: How often it was said that the review is open.
    _text("reviewed_by"),
    _text("review", nullable=False),  #: What they found.
    _time("reviewed_at"),
)

#: How far each change of a plan is. `intent_at` is written before the call, never after.
changes = _table(
    "changes",
    _text("plan", primary_key=True),
    _number("number", primary_key=True),
    _text("state", nullable=False),  #: planned | intended | applied | already so
    _text("now", nullable=False),  #: What was seen there when the plan was made.
    _text("seen", nullable=False),
    _time("intent_at"),
    _time("at"),
)

#: Something a run waits for that is not work: a person, or the time for the next reading. A review
#: is waited for also when the run is over; its deadline is that of the next reminder.
waits = _table(
    "waits",
    _text("id", primary_key=True),
    _text("run", nullable=False, index=True),
    _text("step", nullable=False),
    _number("attempt", nullable=False),
    #: tick | approval | ask | confirm | unsure | gone | review | back
    _text("kind", nullable=False),
    _text("body", nullable=False),
    _time("deadline", index=True),
)

#: Rows stay: the token only grows.
locks = _table(
    "locks",
    _text("target", primary_key=True),
    _text("holder"),  #: The id of the work.
    _number("token", nullable=False),
    _time("since"),
)

#: Which of several replicas live: when each was last seen, by the database's clock.
replicas = _table(
    "replicas",
    _text("id", primary_key=True),  #: Begins with what tells versions of the bot apart.
    _time("seen_at", nullable=False),
)

#: What is not to be changed now. The row without a name is the stop switch, and always there.
freezes = _table(
    "freezes",
    _text("name", primary_key=True),  #: Of a window of the policy.
    _number("stands", nullable=False),
    _number("told", nullable=False),  #: Whether the cards of all runs say so already.
    _text("why", nullable=False),
    _text("lasts", nullable=False),  #: Of a window, in words.
    _text("targets", nullable=False),
    _text("by", nullable=False),
    _text("by_name", nullable=False),
    _time("since", nullable=False),
)

#: Who did what: a chain (bot/store/chain.py), written by bot/engine/audit.py and by nobody else.
#: Triggers of the migrations refuse every other statement than adding the next entry.
audit = _table(
    "audit",
    _number("seq", primary_key=True, autoincrement=False),
    _time("at", nullable=False),
    _text("run", index=True),
    _text("what", nullable=False),
    _text("about", nullable=False),
    _text("by"),
    _text("body", nullable=False),
    _text("before", nullable=False),
    _text("hash", nullable=False),
)

#: The newest entry. Its only row is locked by whoever adds the next one.
audit_head = _table(
    "audit_head",
    _number("id", primary_key=True, autoincrement=False),
    _number("seq", nullable=False),
    _text("hash", nullable=False),
)

#: What the head was, once a day, as it was told to others.
audit_anchors = _table(
    "audit_anchors",
    _text("day", primary_key=True),  #: Of UTC, such as 2026-01-31.
    _number("seq", nullable=False),
    _text("hash", nullable=False),
    _time("at", nullable=False),
    _text("kept"),  #: Where it cannot be deleted; null: nowhere (yet).
)
