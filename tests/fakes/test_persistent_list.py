"""The list behind tables and logs: it behaves as a list, and its snapshots do not change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbh_jobkit.fakes.persistent_list import PersistentList

SIZE = 512

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 700)),
        st.tuples(st.just("change"), st.integers(2, 9)),
        st.tuples(st.just("keep"), st.integers(2, 9)),
        st.tuples(st.just("restore"), st.integers(0, 5)),
        st.tuples(st.just("snapshot"), st.just(0)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=20,
)


@given(steps)
def test_it_is_a_list_and_its_pasts_stay(steps):
    """After any operations it equals a plain list, and each snapshot equals a copy made at that time."""
    shared, plain, pasts, numbers = PersistentList(), [], [], ((number, 0) for number in range(100_000))
    for step, number in steps:
        match step:
            case "append":
                for _ in range(number):
                    plain.append(next(numbers))
                    shared.append(plain[-1])
            case "change":
                changed = {item: (item[0], item[1] + 1) for item in plain if item[0] % number == 0}
                plain = [changed.get(item, item) for item in plain]
                shared.replace(lambda item, changed=changed: changed.get(item, item))
            case "keep":
                left = [item for item in plain if item[0] % number]
                assert shared.retain(lambda item, number=number: item[0] % number) == len(plain) - len(left)
                plain = left
            case "snapshot":
                pasts.append((shared.snapshot(), list(plain)))
            case "clear":
                plain = []
                shared.clear()
            case "restore" if pasts:
                past, copy = pasts[number % len(pasts)]
                plain = list(copy)
                shared.restore(past)
        assert (list(shared), len(shared)) == (plain, len(plain))
    for past, copy in pasts:
        assert (list(past), len(past)) == (copy, len(copy))
        then, now = set(map(id, copy)), set(map(id, plain))
        assert past.difference(shared.snapshot()) == (
            [item for item in copy if id(item) not in now],
            [item for item in plain if id(item) not in then],
        )


@given(st.integers(0, 3 * SIZE), st.integers(-2000, 2000) | st.none(), st.integers(-2000, 2000) | st.none())
def test_slices_are_those_of_a_list(length, first, end):
    """A slice gives what a list's slice gives, also backwards."""
    shared, plain = PersistentList(range(length)), list(range(length))
    assert shared[first:end] == plain[first:end]
    assert shared[first:end:-3] == plain[first:end:-3]


def test_items_by_number():
    """Single items count from either end, and beyond is an IndexError."""
    shared = PersistentList(range(SIZE + 2))
    assert (shared[0], shared[SIZE], shared[-1]) == (0, SIZE, SIZE + 1)
    with pytest.raises(IndexError, match="there is no item 514 among 514"):
        shared[SIZE + 2]


def test_what_did_not_change_is_shared():
    """After a change of one of 100,000 items, all other chunks are shared with the snapshot."""
    shared = PersistentList(range(100_000))
    past = shared.snapshot()
    shared.replace(lambda item: -item if item == 70_000 else item)
    shared.append(100_000)
    assert shared.snapshot().difference(past) == ([-70_000, 100_000], [70_000])
    chunks, earlier = ({id(chunk) for chunk, _ in moment.parts()} for moment in (shared.snapshot(), past))
    assert (len(chunks), len(chunks & earlier)) == (196, 195)


def test_it_shows_and_compares_as_a_list():
    """In an assertion it reads as a list; another kind of thing it does not equal."""
    assert repr(PersistentList("ab")) == "['a', 'b']"
    assert PersistentList("ab") == ["a", "b"]
    assert PersistentList("ab") == PersistentList("ab")
    assert PersistentList("ab") != ("a", "b")


def test_many_removals_leave_no_crumbs():
    """A list from which nearly everything was removed stands in few chunks again."""
    shared = PersistentList(range(100_000))
    shared.retain(lambda item: item % 500 == 0)
    assert len(list(shared.snapshot().parts())) == 1
