"""A list whose past can be kept without copying it: a snapshot of 100,000 rows costs what a snapshot of none costs.

Items stand in chunks. An appended item goes into the last chunk, where an earlier snapshot, which knows how many items
it had, does not see it; what changes or removes items replaces the chunks that they stand in and leaves the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import is_
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")

_SIZE = 512
"""Items of a full chunk."""


@dataclass(frozen=True, slots=True, eq=False)
class ListSnapshot(Generic[Item]):
    """The items that a list had at one moment; whatever becomes of the list, they stay.

    As long as a list does not change, its past is the same object.
    """

    chunks: list[list[Item]]
    length: int

    def __iter__(self) -> Iterator[Item]:
        """Go through the items."""
        return islice(chain.from_iterable(self.chunks), self.length)

    def __len__(self) -> int:
        """Count the items."""
        return self.length

    def parts(self) -> Iterator[tuple[list[Item], int]]:
        """Yield each chunk and how many of its items were there."""
        left = self.length
        for chunk in self.chunks:
            if left <= 0:
                return
            yield chunk, min(left, len(chunk))
            left -= len(chunk)

    def difference(self, other: ListSnapshot[Item]) -> tuple[list[Item], list[Item]]:
        """Return the items that only this past has, and those that only the other has; shared chunks are passed over.

        An item is the same where it is the same object.
        """
        mine, theirs = self._outside(other), other._outside(self)
        both = {id(item) for item in mine} & {id(item) for item in theirs}
        return [item for item in mine if id(item) not in both], [item for item in theirs if id(item) not in both]

    def _outside(self, other: ListSnapshot[Item]) -> list[Item]:
        shared = {id(chunk): length for chunk, length in other.parts()}
        return [item for chunk, length in self.parts() for item in chunk[shared.get(id(chunk), 0) : length]]


class PersistentList(Sequence[Item]):
    """A list that shares its items with the pasts that were kept of it."""

    __slots__ = ("_chunks", "_kept", "_length")
    __hash__ = None  # type: ignore[assignment]  # a list has none either

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Hold these items at first."""
        self._chunks: list[list[Item]] = []
        self._length = 0
        self._kept: ListSnapshot[Item] | None = None
        self._set_items(items)

    def __repr__(self) -> str:
        """Show it as a list."""
        return repr(list(self))

    def __eq__(self, other: object) -> bool:
        """Equal a list of the same items."""
        return list(self) == list(other) if isinstance(other, (list, PersistentList)) else NotImplemented

    def __len__(self) -> int:
        """Count the items."""
        return self._length

    def __iter__(self) -> Iterator[Item]:
        """Go through the items."""
        return chain.from_iterable(self._chunks)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        """Return one item, or those of a slice."""
        if isinstance(index, slice):
            first, end, step = index.indices(self._length)
            return self._between(first, end) if step == 1 else list(self)[index]
        number = index + self._length if index < 0 else index
        if not 0 <= number < self._length:
            msg = f"there is no item {index} among {self._length}"
            raise IndexError(msg)
        return self._between(number, number + 1)[0]

    def _between(self, first: int, end: int) -> list[Item]:
        found: list[Item] = []
        for chunk in self._chunks:
            if end <= 0:
                break
            if first < len(chunk):
                found += chunk[max(first, 0) : end]
            first, end = first - len(chunk), end - len(chunk)
        return found

    def append(self, item: Item) -> None:
        """Add an item at the end."""
        if not self._chunks or len(self._chunks[-1]) >= _SIZE:
            self._chunks.append([])
        self._chunks[-1].append(item)
        self._length += 1

    def clear(self) -> None:
        """Remove all items."""
        self._set_items(())

    def replace(self, changed: Callable[[Item], Item]) -> None:
        """Put what `changed` returns in the place of each item."""
        new = [[changed(item) for item in chunk] for chunk in self._chunks]
        pairs = zip(new, self._chunks, strict=True)
        self._chunks = [before if all(map(is_, now, before)) else now for now, before in pairs]

    def retain(self, wanted: Callable[[Item], object]) -> int:
        """Remove the items that are not wanted; return how many."""
        left = [[item for item in chunk if wanted(item)] for chunk in self._chunks]
        before, self._length = self._length, sum(map(len, left))
        if self._length == before:
            return 0
        pairs = zip(left, self._chunks, strict=True)
        self._chunks = [old if len(new) == len(old) else new for new, old in pairs if new]
        if len(self._chunks) > 2 + 2 * self._length // _SIZE:
            self._set_items(self)
        return before - self._length

    def snapshot(self) -> ListSnapshot[Item]:
        """Keep the items as they are now."""
        kept = self._kept
        if kept is None or kept.chunks is not self._chunks or kept.length != self._length:
            kept = self._kept = ListSnapshot(self._chunks, self._length)
        return kept

    def restore(self, past: ListSnapshot[Item]) -> None:
        """Hold the items of a past again."""
        if self._chunks is past.chunks and self._length == past.length:
            return  # they are here
        parts = [(chunk, length) for chunk, length in past.parts() if length]
        self._chunks = [chunk for chunk, _ in parts]
        if parts:
            chunk, length = parts[-1]
            self._chunks[-1] = chunk[:length]  # what is appended from now on is not for whoever has this chunk, too
        self._length = past.length

    def _set_items(self, items: Iterable[Item]) -> None:
        waiting = iter(items)
        self._chunks = []
        while chunk := list(islice(waiting, _SIZE)):
            self._chunks.append(chunk)
        self._length = sum(map(len, self._chunks))
