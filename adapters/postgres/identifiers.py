"""Names as PostgreSQL's `format('%I')` writes them, so that what is shown is what is run."""

import re

SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
LONGEST_BYTES = 63
#: Words of PostgreSQL 18 that are no name without quotes. Of a version with more, such a name is
#: a syntax error: it is refused, and nothing is done.
WORDS = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary
    bit boolean both case cast char character check coalesce collate collation column
    concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from
    full grant greatest group grouping having ilike in initially inner inout int integer
    intersect interval into is isnull join json json_array json_arrayagg json_exists
    json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out
    outer overlaps overlay placing position precision primary real references returning right
    row select session_user setof similar smallint some substring symmetric system_user table
    tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
KEYWORDS = frozenset(WORDS.split())


def quoted(name: str) -> str:
    if SIMPLE.fullmatch(name) and name not in KEYWORDS:
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def qualified(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"


def index_name(table: str, columns: tuple[str, ...], taken: frozenset[str]) -> str:
    """As PostgreSQL would call it, and not as anything in the schema is called."""
    base = "_".join((table, *columns))
    for number in range(len(taken) + 1):
        end = f"_idx{number or ''}"
        name = f"{shortened(base, LONGEST_BYTES - len(end))}{end}"
        if name not in taken:
            return name
    raise AssertionError("more names than are taken were tried")


def shortened(name: str, longest: int) -> str:
    """To so many bytes; no character is cut in half."""
    return name.encode()[:longest].decode(errors="ignore")
