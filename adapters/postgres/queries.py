"""What queries are shown as: one line, without what stands between quotes, for that is data."""

import re

from adapters.plain import plain

LONGEST = 160
#: Ends with the text when PostgreSQL has cut the query within.
LITERAL = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*(?:'|$)
    | '(?:[^']|'')*(?:'|$)
    | (?P<tag>\$[A-Za-z_]*\$).*?(?:(?P=tag)|$)
    """,
    re.VERBOSE | re.DOTALL,
)


def shown(query: str) -> str:
    return plain(LITERAL.sub("'…'", query), LONGEST)
