"""Filter patterns of CloudWatch Logs."""

import pytest

from sandbox.aws.logs.patterns import compiled
from sandbox.aws.wire import AwsError

PLAIN = "ERROR could not reach graph.facebook.com: timed out"
JSON = '{"level": "error", "status": 503, "user": {"id": 7}, "ok": false, "note": null}'


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("", PLAIN),
        ("ERROR timed", PLAIN),
        ('"could not reach"', PLAIN),
        ("?Warning ?ERROR", PLAIN),
        ("ERROR -refused", PLAIN),
        ("%graph[.]\\w+%", PLAIN),
        ('{ $.level = "error" }', JSON),
        ('{ $.level = "err*" }', JSON),
        ("{ $.status >= 500 && $.status < 600 }", JSON),
        ("{ $.user.id = 7 }", JSON),
        ('{ ($.level = "info") || ($.status != 200) }', JSON),
        ("{ $.ok IS FALSE }", JSON),
        ("{ $.note IS NULL }", JSON),
        ("{ $.nothing NOT EXISTS }", JSON),
    ],
)
def test_a_line_that_fits_is_found(pattern: str, line: str) -> None:
    assert compiled(pattern)(line)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("error", PLAIN),
        ("ERROR refused", PLAIN),
        ('"reach could"', PLAIN),
        ("?Warning ?refused", PLAIN),
        ("ERROR -timed", PLAIN),
        ('{ $.level = "error" }', PLAIN),
        ('{ $.level = "info" }', JSON),
        ("{ $.status > 503 }", JSON),
        ("{ $.user.name = 7 }", JSON),
        ("{ $.user NOT EXISTS }", JSON),
        ('{ $.level = "error" && $.status = 200 || $.ok IS TRUE }', JSON),
    ],
)
def test_a_line_that_does_not_fit_is_not_found(pattern: str, line: str) -> None:
    assert not compiled(pattern)(line)


@pytest.mark.parametrize(
    "pattern", ["{ $.a = ", "{ level = 1 }", "{ ($.a = 1 }", "{ $.a > word }", '"open', "%[%"]
)
def test_a_pattern_aws_would_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(AwsError, match="Invalid filter pattern"):
        compiled(pattern)
