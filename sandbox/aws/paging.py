"""Lists in pages, as AWS gives them."""

from collections.abc import Sequence
from typing import Any

from sandbox.aws.wire import Answer, AwsError, Params


def page(
    name: str, items: Sequence[Any], params: Params, token: str, most: int, given: str = ""
) -> Answer:
    """
    `token` names the member that leads to the next page; `given` is how the request calls it, if
    otherwise.
    """
    start = params.get(given or token) or "0"
    if not str(start).isdigit():
        raise AwsError("InvalidParameterException", "Invalid token.")
    first = int(start)
    end = first + max(1, int(most))
    more = {token: str(end)} if end < len(items) else {}
    return {name: list(items[first:end]), **more}
