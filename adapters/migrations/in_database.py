"""
What the database says of its schema: what of it is there.

By the catalogue of PostgreSQL and not by information_schema, which hides what our role may not
read: a table that was just made would seem to be missing.
"""

from collections.abc import Sequence

from adapters.migrations.facts import Schema, Thing
from adapters.plain import plain
from adapters.postgres_calls import PostgresCalls

THERE = """
    SELECT to_regclass(w.relation) IS NOT NULL AS is_there,
           (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
            WHERE a.attrelid = to_regclass(w.relation) AND a.attname = w.name
              AND NOT a.attisdropped) AS type
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (relation, name, place)
    ORDER BY w.place
"""
INVALID = """
    SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid ORDER BY 1
"""


async def schema(
    calls: PostgresCalls, session: str, stands: str, expected: Sequence[Thing]
) -> Schema:
    tables, columns = [one.table for one in expected], [one.column for one in expected]
    rows = await calls.rows(THERE, tables, columns, application=session)
    found, missing = [], []
    for thing, row in zip(expected, rows, strict=True):
        if row["type"] if thing.column else row["is_there"]:
            found.append((thing.kind, thing.name, row["type"] or "there"))
        else:
            missing.append(f"{thing.kind} {thing.name}")
    invalid = await calls.rows(INVALID, application=session)
    return Schema(
        stands=stands,
        missing=tuple(missing),
        found=tuple(found),
        invalid_indexes=tuple(plain(one["name"], 130) for one in invalid),
    )
