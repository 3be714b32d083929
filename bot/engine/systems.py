"""
Every outside system and every change that can be made, by type.

app.py names each adapter once. Whether every book can be carried out with them is checked before
the bot takes its first command.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from bot.runbook import Adapter, Change, Key, Pair, Progress, Runbook, Seen
from bot.runbook.errors import BookError, Outdated

A = TypeVar("A", bound=Adapter)


@dataclass(frozen=True)
class Hand:
    """The two functions that see and make one kind of change, of the adapter that is wired."""

    observe: Callable[[Change], Awaitable[Seen]]
    apply: Callable[[Change, Key], Awaitable[None] | AsyncIterator[Progress]]


class Systems:
    def __init__(self, *adapters: Adapter) -> None:
        self._adapters: dict[type, Adapter] = {}
        self._hands: dict[type[Change], Hand] = {}
        for adapter in adapters:
            for kind in type(adapter).__mro__:
                if issubclass(kind, Adapter) and kind is not Adapter:
                    self._adapters[kind] = adapter
            for pair in adapter.alters:
                if pair.change in self._hands:
                    raise BookError(f"two adapters make {pair.change.__name__}")
                self._hands[pair.change] = _hand(adapter, pair)

    def adapter(self, kind: type[A]) -> A:
        found = self._adapters.get(kind)
        if not isinstance(found, kind):
            raise BookError(f"there is no {kind.__name__} here: wire it, or put a canned one")
        return found

    def hand(self, change: Change) -> "Hand":
        """Raises Outdated when nothing here makes such changes any more."""
        if type(change) not in self._hands:
            raise Outdated(f"nothing here can make {type(change).__name__} any more: plan again")
        return self._hands[type(change)]

    @property
    def kinds(self) -> Mapping[str, type[Change]]:
        return {change.__name__: change for change in self._hands}

    def check(self, books: Iterable[Runbook]) -> None:
        """Say everything that is missing at once, so that it is mended at once."""
        wrong = sorted({sentence for book in books for sentence in self._missing(book)})
        if wrong:
            raise BookError("\n".join(wrong))

    def _missing(self, book: Runbook) -> Iterable[str]:
        for step in book.steps.values():
            for need in step.needs:
                if need.source == "adapter" and need.wanted not in self._adapters:
                    yield f"{book.id}.{step.key} asks for {need.wanted.__name__}: not in app.py"
            for change in step.gives.changes:
                for made in (change, *_undone_by(change)):
                    if made not in self._hands:
                        yield f"{book.id}.{step.key} wants {made.__name__}: no adapter makes it"


def _hand(adapter: Adapter, pair: Pair) -> Hand:
    """By name, so that a fake which overrides one of them is heard."""
    return Hand(
        getattr(adapter, pair.observe.__name__),
        getattr(adapter, pair.apply.__name__),
    )


def _undone_by(change: type[Change]) -> Iterable[type[Change]]:
    hint: Any = get_type_hints(change.undo)["return"]
    return (kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and _exact(kind))


def _exact(kind: type) -> bool:
    return issubclass(kind, Change) and kind is not Change
