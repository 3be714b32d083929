"""
What secrets look like, for those that nobody has told us: the tokens of systems that a company
has, credentials in addresses and headers, private keys, and whatever stands behind a word such as
`password=`.

Texts are often JSON, and JSON within JSON. So an escaped line's end in front of a token counts as
one, and no shape reaches over a quote that is not its own: what is left is still JSON.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]

#: Where a word can begin: in JSON a line's end or a letter may be written as an escape.
BEGIN = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=\\u[0-9a-fA-F]{4}))"
#: Between a name and its value, in INI, YAML, JSON, mrkdwn, a query or a Python tuple.
IS = r"""\\*(?P<closed>["']?)\]?[*_`]{0,2}\s{0,3}(?P<by>:|=>?|%3d)[*_`]{0,2}\s{0,3}[*_`]{0,2}"""
NAMES = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret(?:string|binary)?(?!:[^\s\"'\\])|token|credentials?"
    r"|(?:api|access|private|routing|signing|auth)[_-]?key)"
)
VALUES = (
    r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'"""
    r"""|(?P<quote>\\+["'])(?P<quoted>(?:(?!(?P=quote)).)*)(?P=quote)"""
    r"""|(?P<bare>[^\s`"'\\,;&<>{}\[\]()|]{4,}))"""
)
GROUPS = ("double", "single", "quoted", "bare")
PRIVATE_KEY = r"[A-Z0-9 ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----"
KEY_BODY = r"(?:[\w+/=\s:,.>|*-]|\\+[nr])"


@dataclass(frozen=True)
class Shape:
    """
    `anchors`, in small letters: a text without any of them is not searched. What the group
    `secret` holds is the secret; all of it when there is no such group.
    """

    anchors: tuple[str, ...]
    pattern: re.Pattern[str]

    def spans(self, text: str) -> Iterator[Span]:
        group = "secret" if "secret" in self.pattern.groupindex else 0
        for found in self.pattern.finditer(text):
            yield found.span(group)


def _shape(anchors: str, pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> Shape:
    return Shape(tuple(anchors.split()), re.compile(pattern, re.ASCII | flags))


EXACT = re.RegexFlag(0)
SHAPES = (
    _shape("xox xapp-", r"(?:xox[a-z](?:\.xox[a-z])?-|xapp-)[\w-]{8,}"),
    _shape("hooks.slack.com/", r"hooks\.slack\.com/[a-z]{2,20}/(?P<secret>[\w/-]{12,})"),
    _shape("_live_ _test_ whsec_", r"(?:(?:sk|rk)_(?:live|test)_\w{6,}|whsec_[\w+/=-]{8,})"),
    _shape(
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat-",
        r"(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,})",
    ),
    _shape("atatt3x", r"ATATT3x[\w=-]{16,}"),
    _shape("eaa", BEGIN + r"EAA[A-Za-z0-9]{20,}", EXACT),
    _shape("eyj", BEGIN + r"eyJ[\w-]{8,500}\.[\w-]{8,}(?:\.[\w-]*)*", EXACT),
    _shape("://", r"""://[^\s/:@"'\\<>]*:(?P<secret>[^\s/"'\\<>]+)@"""),
    _shape(
        "authoriz",
        r"""authorization["'\\\]]*\s*[:=,]\s*(?:b(?=["']))?["'\\]*"""
        r"""(?:(?:bearer|basic|token|digest|negotiate|apikey)\s+)?(?:token=)?"""
        r"""(?P<secret>[^\s"'\\,;]{4,})""",
    ),
    _shape("bearer", r"bearer\s+(?P<secret>(?=[A-Za-z]*[\d._~+/=-])[\w.~+/=-]{8,})"),
    _shape("cookie", r"""cookie["'\\]*\s*[:=]\s*["'\\]*(?P<secret>[^\r\n"'\\]{4,})"""),
    _shape(
        "private key",
        rf"-----BEGIN {PRIVATE_KEY}(?:{KEY_BODY}*?-----END {PRIVATE_KEY}|{KEY_BODY}*)",
    ),
)

NAMED_ANCHORS = (
    "passw", "passphrase", "pwd", "secret", "token", "credential", "apikey", "api_key", "api-key",
    "accesskey", "access_key", "access-key", "private_key", "private-key", "privatekey",
    "routing_key", "routing-key", "signing_key", "signing-key", "auth_key", "auth-key",
)  # fmt: skip
NAMED = re.compile(NAMES + IS + VALUES, re.ASCII | re.IGNORECASE)
#: What stands there when there is no secret: a reference, or what replaced one.
HARMLESS = re.compile(r"(?:env|file|aws|arn):|\[secret|<|\*+$|\$", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Infinity)", re.ASCII | re.IGNORECASE)
#: Letters alone are a word: behind a colon if they are fewer than the first, anywhere if they are
#: small ones and fewer than the second.
LONGEST_WORD, SHORT_WORD = 20, 8

AWS_ANCHORS = ("akia", "asia")
AWS_KEY = re.compile(BEGIN + r"(?:AKIA|ASIA)[A-Z0-9]{12,}", re.ASCII)
AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])", re.ASCII)
HEX = re.compile(r"[0-9a-f]{40}", re.ASCII)
NEXT_TO = 200  #: Characters between an AWS key's id and its secret, at most.

ANCHORS = (*(anchor for shape in SHAPES for anchor in shape.anchors), *NAMED_ANCHORS, *AWS_ANCHORS)


def shaped(text: str) -> Iterator[Span]:
    """Where something is that looks like a secret. Spans may overlap."""
    low = text.lower()
    for shape in SHAPES:
        if any(anchor in low for anchor in shape.anchors):
            yield from shape.spans(text)
    if any(anchor in low for anchor in AWS_ANCHORS):
        yield from _aws(text)
    if any(anchor in low for anchor in NAMED_ANCHORS):
        yield from _named(text)


def _is_plausible(value: str) -> bool:
    """Whether what stands where a secret belongs can be one."""
    bare = value.strip(" .:!?")
    is_word = bare.isalpha() and bare.islower() and len(bare) < SHORT_WORD
    return len(bare) >= 4 and not is_word and not HARMLESS.match(bare)


def _named(text: str) -> Iterator[Span]:
    for found in NAMED.finditer(text):
        group = next(one for one in GROUPS if found[one] is not None)
        if group == "bare" and _only_said(found):
            continue
        if _is_plausible(found[group]):
            yield found.span(group)


def _only_said(found: re.Match[str]) -> bool:
    """A number in JSON, where only a text is a secret; or prose, such as `token: Refused`."""
    value = found["bare"].rstrip(".:!?")
    if found["closed"]:
        return NUMBER.fullmatch(value) is not None
    return found["by"] == ":" and value.isalpha() and len(value) < LONGEST_WORD


def _aws(text: str) -> Iterator[Span]:
    """
    What stands next to a key's id. The id itself is a name: AWS logs it, and whoever is to make a
    stolen key worthless must be able to say which.
    """
    for start, end in [found.span() for found in AWS_KEY.finditer(text)]:
        first = max(0, start - NEXT_TO)
        for found in AWS_SECRET.finditer(text, first, end + NEXT_TO):
            if not HEX.fullmatch(found[0]):
                yield found.span()
