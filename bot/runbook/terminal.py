"""
Text from outside on a terminal and in a log, where a line is an entry and some letters are orders
to the terminal.
"""


def written_out(text: str) -> str:
    """On one line; what cannot be seen stands there as Python writes it: `\\n`, `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _written(one) for one in text)


def _written(one: str) -> str:
    return one.encode("unicode_escape").decode()
