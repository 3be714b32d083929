"""Why a store cannot be used, and what to do about it, in words for whoever starts the bot."""

import errno

DAMAGED = ("is not a database", "disk image is malformed")
FULL = ("disk is full",)
NOT_WRITABLE = ("readonly database", "unable to open database file")
NOT_THE_WRITER = ("read-only transaction",)
BUSY = ("lock timeout", "deadlock detected")
RESTORE = (
    "is damaged, or no SQLite file at all. Nothing was changed in it. Put it aside, lay the newest"
    " backup in its place (docs/operating.md), and start again."
)


class StoreUnusable(Exception):
    """The message is what the operator reads."""


def unusable(where: str, error: BaseException) -> StoreUnusable:
    """`where`: the store's file or address, without its password."""
    told = str(getattr(error, "orig", None) or error)
    says = told.lower()
    number = error.errno if isinstance(error, OSError) else None
    if any(one in says for one in DAMAGED):
        return StoreUnusable(f"The store {where} {RESTORE}")
    if number == errno.ENOSPC or any(one in says for one in FULL):
        return StoreUnusable(f"The disk of the store {where} is full. Make room, and start again.")
    if any(one in says for one in BUSY):
        return StoreUnusable(
            f"The schema of the store {where} could not be moved, because something else uses it"
            " for long, such as `audit verify`. Nothing was changed: start again."
        )
    is_denied = number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
    if is_denied or any(one in says for one in NOT_WRITABLE):
        return StoreUnusable(
            f"The store {where} cannot be written. Whoever runs the bot must own the file and its"
            " folder, and the disk must not be mounted read-only."
        )
    if any(one in says for one in NOT_THE_WRITER):
        return StoreUnusable(
            f"The store {where} only reads: it may be a replica, or in the middle of a failover."
            " Let store.url name the server that writes, and start again."
        )
    return StoreUnusable(f"The store {where} cannot be used ({type(error).__name__}: {told})")
