"""
What people and systems could put in, by what each tries: one corpus, for every way in and every
way out. `live.py` beside it says whether any of it took effect.

Whatever could become live somewhere names `evil`, or an id in capitals that nobody here has, so
that what is ours can be told from what came from outside.
"""

from collections.abc import Iterator, Mapping

#: Ids of Slack's shape that nobody here has.
NOBODY, NOWHERE, NO_GROUP = "U0EVIL0000", "C0EVIL0000", "S0EVIL0000"

_ESC = "\x1b"

MENTIONS = {
    "everybody": "<!channel> <!here> <!everyone> <!here|evil> @channel @everyone @here",
    "somebody": f"<@{NOBODY}> <@{NOBODY}|evil> @evil {NOBODY}",
    "a group": f"<!subteam^{NO_GROUP}> <!subteam^{NO_GROUP}|@evil>",
    "a channel": f"<#{NOWHERE}> <#{NOWHERE}|evil> #evil #1 evil/evil#2 GH-3",
    "mentions that close ours": f"x> <!channel> y|z> <@{NOBODY}",
    "mentions escaped once": (
        "&lt;!channel&gt; &amp;lt;!here&amp;gt; &#60;!here&#62; &#64;evil {@}"
    ),
    "a date": "<!date^1392734382^evil {date}^https://evil.example/|evil>",
}
LINKS = {
    "links": "<https://evil.example|your runbook> <javascript:alert(1)|ok> https://evil.example/a",
    "links of Markdown": (
        "[evil](https://evil.example) ![](https://evil.example/x) <https://evil.io>"
    ),
    "links without a scheme": (
        "www.evil.example evil.example/login evil@evil.example //evil.example"
    ),
    "addresses that lead elsewhere": "https://slack.com@evil.example/ http://[::1]:1/#@slack.com",
    "addresses with steps": "/../../evil/..%2f..%2fevil/%2e%2e/?a=1&b=2#c;d\\evil",
    "percents": "%00%0d%0aLocation:%20evil %25%32%65 %uff0e %",
}
MARKS = {
    "marks of mrkdwn": "*evil* _evil_ ~evil~ `evil` *_~evil~_* :evil: :fire: * evil *",
    "marks of Markdown": (
        "**evil** __evil__ ~~evil~~ # evil\n## evil\n- evil\n1. evil\nevil\n===\n---"
    ),
    "marks that close ours": "evil* and `evil` and evil_ ~",
    "a quote": "> evil\n>>> evil",
    "a fence": "```\nevil\n```\n~~~\nevil\n~~~\n````evil````",
    "backticks": "`" * 7 + "evil" + "`" * 3,
    "a table": "| evil | b |\n|---|---|\n| [x](evil) | <b> |",
    "headings and lists": (
        "# evil\n\n    code\n\n* evil\n\n[evil]: https://evil.example\n[^1]: evil"
    ),
    "emoji": (
        ":evil: :fire::skin-tone-2: :100: :aws: "
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f4"
    ),
}
INVISIBLE = {
    "right to left": "safe\u202egnp.exe \u200f\u200e\u061c",
    "isolates": "a\u2066b\u2067c\u2068d\u2069 \u202a\u202b\u202d\u202c",
    "zero width": "ev\u200bil zero\u200dwidth\u2060\ufeff\u00ad\u034f\u180e\u115f\u3164\u2800",
    "spaces": "a\u00a0b\u2002c\u2007d\u202fe\u3000f\u205fg\u1680h",
    "tags and selectors": "e\U000e0065\U000e0076\U000e007f \ufe0f\ufe0e \U000e0101",
    "towers": "e" + "\u0301" * 500 + " Z\u0351\u036b\u0343\u036a",
    "half a pair": "\ud800 a\udfff\ud83d",
    "controls": "".join(map(chr, range(32))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0))),
    "NUL": "evil\0.txt\0",
    "not characters": "\ufffe\uffff\U0001fffe\ufffd \ue000\U000f0000",
    "ANSI": (
        f"{_ESC}[31mevil{_ESC}[0m {_ESC}]0;evil\x07 {_ESC}]8;;https://evil.example\x07x \x9b2J\r"
    ),
    "line ends": "a\r\nb\rc\u2028d\u2029e\x85f\x0bg\x0ch",
    "blank": " \n\t ",
    "blank to the eye": "\u3164\u2800\u00a0\u200b",
    "empty": "",
}
DISGUISES = {
    "ids that look alike": (
        "\uff32\uff22-\uff29\uff2e\uff23-\uff10\uff10\uff11 RB-\u0406NC-001 "
        "\u0420\u0412-INC-001 rb-\u0131nc-001 U\uff10DANA"
    ),
    "letters that fold": "\u212a\u017f \u00df \ufb01 \u0130 \u1e9e ﷺ",
    "digits": "\u00b2 \u0663\u0664 \uff11\uff12 \u2160 1_000 0x1F 1e999 nan -0",
    "a line of ours": (
        "well\n2026-03-06 14:05:00  Fail over approved by U0LENA0000\n"
        "2026-01-01 00:00:00,000 INFO runbook-bot evil\nundo  evil\n2. evil on rds/evil\n"
    ),
    "an entry of ours": f"5  2026-03-06 14:05:00.000000 UTC  {NOBODY}  approved  fail_over",
    "a whole plan": (
        '{"book": "RB-INC-001", "plan": [[], "", ""]}\n\nstored text, as approved:\n{}'
    ),
    "a mark of a run": "(run 7F3K) runbook-run:7F3K/1\nrunbook-run:7F3K/2",
}
LANGUAGES = {
    "HTML": "<script>alert('evil')</script><img src=x onerror=evil()>\"'><svg/onload=evil()>",
    "SQL": "'; drop table runs; -- \" or 1=1 /* evil */ $1 :name %(x)s ?",
    "SQL wildcards": "% _ \\% \\_ [a-z] ' || (select version()) || '",
    "JSON": '"} , {"evil": [1, {"a": null}], "\\u0000": "\\ud800',
    "paths in JSON": "$..evil[?(@.a==1)] $.store['x'] a.b[0].*|[?contains(@,`evil`)] @.length()",
    "JQL": '" OR project = EVIL ORDER BY created DESC -- \\" \\\\',
    "GitHub's search": 'repo:evil/evil is:open "x" in:body author:@me',
    "filters of logs": (
        '?evil -"ERROR" [w1, w2="*evil*"] { $.a = "*" || $.b EXISTS } %^E.*% "a\\"b"'
    ),
    "shell": (
        "; rm -rf / & | `evil` $(evil) ${IFS} $((1)) > /dev/null < x 'a' \"b\" \\ !! * ? ~ # {a,b}"
    ),
    "shell options": "--cluster evil -rf --",
    "shell lines": "a\nevil --now\n# x",
    "templates": (
        "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {% evil %} {{constructor.constructor('evil')()}}"
    ),
    "formats": "{0} {} {x.__class__} %s %d %n %(evil)s %1$s {:>99999999} $name ${name}",
    "LDAP and XPath": "*)(uid=*))(|(uid=* ' or '1'='1",
    "YAML": "!!python/object/apply:os.system ['evil']\n---\n&a [*a]",
    "regular expressions": "(a+)+$ [ ( * \\1 (?P<x>",
    "headers": "x\r\nLocation: evil=1\r\n\r\n<html>",
    "XML": "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;]]>",
    "mathematics": "$\\frac{evil}{0}$ $x_1^2$ \\$ $",
}
FILES = {
    "steps upwards": "../../../../etc/passwd ..\\..\\evil ....//....//evil",
    "absolute": "/etc/passwd",
    "a drive": "C:\\evil.exe",
    "a file's address": "file:///etc/evil",
    "a share": "\\\\evil.example\\share\\x",
    "a device": "CON",
    "a device with an ending": "nul.txt",
    "hidden": ".evilrc",
    "a stream": "evil.txt::$DATA",
    "two endings": "plan.txt.exe. ",
    "only dots": "...",
    "an ending far away": "a" * 120 + "." + "b" * 99,
}
FORMATS = {
    "calendar": "x\r\nATTENDEE:mailto:evil@evil.example\r\nEND:VEVENT\nBEGIN:VEVENT;a,b\\n\\",
    "calendar folding": "x\r\n ATTACH:https://evil.example\r\n\tmore " + "é" * 80,
    "vCard": "END:VCARD\r\nBEGIN:VCARD\r\nN:evil;;;;",
    "formulas": '=HYPERLINK("https://evil.example","evil")',
    "formula, plus": "+evil",
    "formula, minus": "-2+3+cmd|' /C evil'!A0",
    "formula, at": "@SUM(1+1)*evil",
    "formula after a blank": " \t=evil",
    "formula in full width": "\uff1devil()",
    "formula after an end of line": "\r\n=evil",
    "cells": 'a,"b";c\td\n"e""f',
}
LONG = {
    "a long line": "x" * 40_000,
    "a long line of wide letters": "漢字" * 4000,
    "a long line of marks": "<!channel> *evil* `evil` " * 1600,
    "many lines": "evil\n" * 8000,
    "many emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 " * 300,
    "a long id": "RB-" + "9" * 5000,
    "deep": "[" * 3000,
}

MALICE: Mapping[str, str] = {
    **MENTIONS, **LINKS, **MARKS, **INVISIBLE, **DISGUISES,
    **LANGUAGES, **FILES, **FORMATS, **LONG,
}  # fmt: skip

#: What fits into a field that somebody types into, or behind a command.
TYPED: Mapping[str, str] = {name: text for name, text in MALICE.items() if len(text) <= 1000}


def mixed(size: int = 12) -> Iterator[str]:
    """All that is short, several at once: as few texts as there may be where each is dear."""
    short = [text for text in TYPED.values() if text]
    for start in range(0, len(short), size):
        yield " ".join(short[start : start + size])


#: What does more where it stands first, or is all there is.
ALONE = ("a quote", "blank to the eye", "half a pair", "formulas", "empty")
LONGEST = ("a long line", "a long line of wide letters", "a long line of marks", "many lines")
#: For what is dear to try: everything, in less than twenty texts.
MIXED: tuple[str, ...] = (*mixed(), *(MALICE[name] for name in (*LONGEST, *ALONE)))
