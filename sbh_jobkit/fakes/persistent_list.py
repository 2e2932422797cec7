"""A list with snapshots that copy nothing: a snapshot of 100,000 rows is as fast as one of none.

Items are stored in chunks, which the list shares with its snapshots. An append adds to the last chunk; an earlier
snapshot does not see the new item, because it keeps its length. A change or removal replaces the chunks it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import is_
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")

_SIZE = 512
"""The number of items in a full chunk."""


@dataclass(frozen=True, slots=True, eq=False)
class ListSnapshot(Generic[Item]):
    """The items of a list at one moment; later changes of the list do not change them.

    While a list does not change, its snapshot is the same object.
    """

    chunks: list[list[Item]]
    length: int

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the items."""
        return islice(chain.from_iterable(self.chunks), self.length)

    def __len__(self) -> int:
        """Return the number of items."""
        return self.length

    def parts(self) -> Iterator[tuple[list[Item], int]]:
        """Yield each chunk, and how many of its items belong to the snapshot."""
        left = self.length
        for chunk in self.chunks:
            if left <= 0:
                return
            yield chunk, min(left, len(chunk))
            left -= len(chunk)

    def difference(self, other: ListSnapshot[Item]) -> tuple[list[Item], list[Item]]:
        """Return the items that are only in this snapshot, and those that are only in the other.

        Items are compared by identity; chunks that both share are skipped.
        """
        mine, theirs = self._outside(other), other._outside(self)
        both = {id(item) for item in mine} & {id(item) for item in theirs}
        return [item for item in mine if id(item) not in both], [item for item in theirs if id(item) not in both]

    def _outside(self, other: ListSnapshot[Item]) -> list[Item]:
        shared = {id(chunk): length for chunk, length in other.parts()}
        return [item for chunk, length in self.parts() for item in chunk[shared.get(id(chunk), 0) : length]]


class PersistentList(Sequence[Item]):
    """A list with fast snapshots."""

    __slots__ = ("_chunks", "_kept", "_length")
    __hash__ = None  # type: ignore[assignment]  # unhashable, as a list is

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Start with these items."""
        self._chunks: list[list[Item]] = []
        self._length = 0
        self._kept: ListSnapshot[Item] | None = None
        self._set_items(items)

    def __repr__(self) -> str:
        """Show the items as a list."""
        return repr(list(self))

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a list with equal items."""
        return list(self) == list(other) if isinstance(other, (list, PersistentList)) else NotImplemented

    def __len__(self) -> int:
        """Return the number of items."""
        return self._length

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the items."""
        return chain.from_iterable(self._chunks)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        """Return one item, or the items of a slice; raises IndexError."""
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
        if self._length:
            self._chunks, self._length = [], 0

    def replace(self, function: Callable[[Item], Item]) -> None:
        """Replace each item by what `function` returns for it, which may be the item itself."""
        new = [[function(item) for item in chunk] for chunk in self._chunks]
        pairs = zip(new, self._chunks, strict=True)
        self._chunks = [before if all(map(is_, now, before)) else now for now, before in pairs]

    def retain(self, wanted: Callable[[Item], object]) -> int:
        """Remove the items for which `wanted` is false; return how many."""
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
        """Return the items as they are now."""
        kept = self._kept
        if kept is None or kept.chunks is not self._chunks or kept.length != self._length:
            kept = self._kept = ListSnapshot(self._chunks, self._length)
        return kept

    def restore(self, snapshot: ListSnapshot[Item]) -> None:
        """Set the items of a snapshot."""
        if self._chunks is snapshot.chunks and self._length == snapshot.length:
            return
        parts = [(chunk, length) for chunk, length in snapshot.parts() if length]
        self._chunks = [chunk for chunk, _ in parts]
        if parts:
            chunk, length = parts[-1]
            self._chunks[-1] = chunk[:length]  # a copy: the snapshot's chunk may have later items, and other owners
        self._length = snapshot.length

    def _set_items(self, items: Iterable[Item]) -> None:
        waiting = iter(items)
        self._chunks = []
        while chunk := list(islice(waiting, _SIZE)):
            self._chunks.append(chunk)
        self._length = sum(map(len, self._chunks))
