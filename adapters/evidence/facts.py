"""What lies in the evidence bucket."""

from pydantic import AwareDatetime

from bot.runbook import Facts, Table


class Kept(Facts):
    """One object. `sha256` is of its bytes, as S3 has computed it when it took them."""

    name: str
    lines: int | None = None  #: Log lines or rows; None: it does not say.
    size: int  #: Bytes.
    sha256: str
    kept_at: AwareDatetime
    locked_until: AwareDatetime | None = None  #: None: it is not seen to be locked.

    @property
    def is_sound(self) -> bool:
        return bool(self.sha256) and self.locked_until is not None


class LogGroups(Facts):
    """Of services, those that there are."""

    groups: tuple[str, ...]
    missing: tuple[str, ...] = ()
    as_of: AwareDatetime  #: By AWS's clock.


class KeptEvidence(Facts):
    bucket: str
    folder: str
    objects: tuple[Kept, ...]

    @property
    def unsound(self) -> tuple[str, ...]:
        """What is there and cannot be relied on."""
        return tuple(one.name for one in self.objects if not one.is_sound)

    def table(self) -> Table:
        columns = ("Evidence", "Lines", "Bytes", "SHA-256", "Kept", "Locked until")
        rows = (
            (one.name, one.lines, one.size, one.sha256 or "none", one.kept_at, one.locked_until)
            for one in self.objects
        )
        return Table(columns, tuple(rows))
