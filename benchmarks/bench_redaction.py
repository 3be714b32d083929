"""
How fast the redactor is, in MB/s, beside two floors measured in the same run: `str.translate`,
which looks at every character once, and one regular expression of the known values, which finds
none of their forms and no shape.

    python benchmarks/bench_redaction.py
"""

import json
import re
import secrets
import time
from collections.abc import Callable

from bot.secrets.redaction import Redactor

VALUES = 12  #: As many as a bot has that uses everything it can.
AT_LEAST_S = 0.4  #: For each figure.
FOUND = (
    "complyai-core runs 2 of 4 tasks; complyai-core:5 was deployed 11 min ago by ci, in progress"
)
LOG_LINE = (
    "2026-03-01 14:00:00,000 INFO bot.slack.outbox 7F3K/step/affected_services#1 was delivered"
)


def texts(value: str) -> dict[str, str]:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": f"*PROBLEM* {FOUND}\n" * 8}}
    card = json.dumps({"text": FOUND, "blocks": [section] * 12})
    file = "\n".join(f"{LOG_LINE} {number}" for number in range(2_000))
    return {
        "a log line": LOG_LINE,
        "a card, as JSON": card,
        "a file": file,
        "a file with 20 secrets": file.replace("number", value).replace(" 19", f" {value} 19", 20),
        "beyond ASCII": f"⚠ {FOUND} …\n" * 60,
        "with invisible characters": f"{FOUND}\u200b\n" * 60,
    }


def rate(do: Callable[[str], object], text: str) -> float:
    """MB/s, a character of Unicode counting as its bytes."""
    size, times, began = len(text.encode()), 0, time.perf_counter()
    while (took := time.perf_counter() - began) < AT_LEAST_S:
        do(text)
        times += 1
    return size * times / took / 1e6


def main() -> None:
    values = [f"xoxb-2345678901-{secrets.token_hex(20)}" for _ in range(VALUES)]
    redactor = Redactor()
    began = time.perf_counter()
    for value in values:
        redactor.learn(value, "env:A_TOKEN")
    redactor.text(values[0])
    learnt_ms = (time.perf_counter() - began) * 1000
    known = re.compile("|".join(map(re.escape, values)))
    nothing = str.maketrans("", "", "\x7f")

    print(f"{'MB/s':<28}{'redactor':>10}{'known only':>12}{'translate':>12}{'us a text':>12}")
    for name, text in texts(values[0]).items():
        ours = rate(redactor.text, text)
        floor = rate(lambda one: known.sub("[secret]", one), text)
        least = rate(lambda one: one.translate(nothing), text)
        each = len(text.encode()) / ours
        print(f"{name:<28}{ours:>10.1f}{floor:>12.1f}{least:>12.1f}{each:>12.1f}")
    print(f"{VALUES} values were learnt, and the first text judged, in {learnt_ms:.1f} ms")


if __name__ == "__main__":
    main()
