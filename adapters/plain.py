"""What others wrote, as it is passed on."""

from bot.secrets.redaction import REDACTOR


def plain(text: object, longest: int = 200) -> str:
    """
    What somebody else wrote, as one line of what can be seen, at most so long. Secrets are taken
    out first: what is left of one that was cut or torn is no less secret.
    """
    text = REDACTOR.text(str(text))
    seen = (one if one.isprintable() else " " for one in text[: 10 * longest])
    line = " ".join("".join(seen).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
