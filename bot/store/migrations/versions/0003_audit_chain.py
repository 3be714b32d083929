"""The audit log becomes a chain. What was noted before is chained in the order it was noted in."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.store.chain import EMPTY, Head, canonical, follow

revision = "0003"
down_revision = "0002"

AT_ONCE = 1000
REFUSAL = "the audit log is only ever added to, at its end"
SQLITE = (
    f"create trigger audit_not_changed before update on audit"
    f" begin select raise(abort, '{REFUSAL}'); end",
    f"create trigger audit_not_removed before delete on audit"
    f" begin select raise(abort, '{REFUSAL}'); end",
    # Also against `insert or replace`, which deletes without asking the trigger above.
    f"create trigger audit_only_added before insert on audit"
    f" when new.seq <> (select coalesce(max(seq), 0) + 1 from audit)"
    f" begin select raise(abort, '{REFUSAL}'); end",
)
POSTGRESQL = (
    f"create function audit_refuse() returns trigger language plpgsql as"
    f" $$ begin raise exception '{REFUSAL}'; end $$",
    f"create function audit_only_added() returns trigger language plpgsql as $$ begin"
    f" if new.seq <> (select coalesce(max(seq), 0) + 1 from audit) then"
    f" raise exception '{REFUSAL}'; end if; return new; end $$",
    "create trigger audit_not_changed before update or delete on audit"
    " for each row execute function audit_refuse()",
    "create trigger audit_not_emptied before truncate on audit"
    " for each statement execute function audit_refuse()",
    "create trigger audit_only_added before insert on audit"
    " for each row execute function audit_only_added()",
)


def upgrade() -> None:
    connection = op.get_bind()
    chained = op.create_table(
        "audit_chained",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    head = EMPTY
    for rows in _old(connection):
        entries = []
        for row in rows:
            body = canonical(json.loads(row.body))
            entry = follow(head, row.at, row.run, row.what, row.about, row.by, body)
            head = Head(entry.seq, entry.hash)
            entries.append(entry._asdict())
        op.bulk_insert(chained, entries)
    op.drop_table("audit")
    op.rename_table("audit_chained", "audit")
    op.create_index(op.f("ix_audit_run"), "audit", ["run"], unique=False)
    _make_heads(head)
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def _old(connection: sa.Connection) -> Iterator[list[Any]]:
    names = ("seq", "at", "run", "what", "about", "by", "body")
    old = sa.table("audit", *(sa.column(name) for name in names))
    last = 0
    while True:
        query = sa.select(old).where(old.c.seq > last).order_by(old.c.seq).limit(AT_ONCE)
        rows = list(connection.execute(query).all())
        if not rows:
            return
        last = rows[-1].seq
        yield rows


def _make_heads(head: Head) -> None:
    heads = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(heads, [{"id": 1, **head._asdict()}])
    op.create_table(
        "audit_anchors",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("day"),
    )
