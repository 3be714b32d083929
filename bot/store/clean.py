"""No secret becomes a row: every text on its way into a statement is redacted here."""

from typing import Any

import sqlalchemy as sa

from bot.secrets.redaction import REDACTOR


class Clean(str):
    """A text that was redacted already, where it was still known what its parts are."""


def redact(engine: sa.Engine) -> None:
    """`hide_parameters` keeps them out of errors; this, secrets out of rows."""

    def before_execute(
        _connection: object, _cursor: object, statement: str, given: Any, *_: object
    ) -> tuple[str, Any]:
        return statement, _redacted(given)

    sa.event.listen(engine, "before_cursor_execute", before_execute, retval=True)


def _redacted(given: Any) -> Any:
    """Parameters as drivers take them: one set, or a list of several."""
    if isinstance(given, str):
        return given if isinstance(given, Clean) else REDACTOR.text(given)
    if isinstance(given, dict):
        return {name: _redacted(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(map(_redacted, given))
    return given
