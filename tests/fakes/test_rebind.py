"""Functions that an author gives to a route or to the language model, in a copy of the world."""

from functools import partial

import httpx
import pytest

from sbh_jobkit.fakes.world import World

API = "https://api.example.com/next"


def by_closure(world):
    """Answer in the usual way, by what `setup(world)` was given."""

    def answer(request):
        world.db.insert("asked", {"path": request.url.path})
        return httpx.Response(200, json=world.db.count("asked"))

    world.http.get(API).side_effect = answer


def by_default(world):
    """Take the world as the default of a parameter."""

    def answer(request, world=world):
        world.db.insert("asked", {"path": request.url.path})
        return httpx.Response(200, json=world.db.count("asked"))

    world.http.get(API).side_effect = answer


def by_helper(world):
    """Call another function, which has captured the world."""

    def count(request):
        world.db.insert("asked", {"path": request.url.path})
        return world.db.count("asked")

    world.http.get(API).side_effect = lambda request: httpx.Response(200, json=count(request))


def by_partial(world):
    """Give the world as the first argument."""

    def answer(world, request):
        world.db.insert("asked", {"path": request.url.path})
        return httpx.Response(200, json=world.db.count("asked"))

    world.http.get(API).side_effect = partial(answer, world)


def in_a_list(world):
    """One answer after the other."""

    def answer(request):
        world.db.insert("asked", {"path": request.url.path})
        return httpx.Response(200, json=world.db.count("asked"))

    world.http.get(API).side_effect = [answer, answer, answer]


def of_a_model(world):
    """Answer a prompt."""

    def answer(prompt):
        world.db.insert("asked", {"prompt": prompt})
        return str(world.db.count("asked"))

    world.llm.reply(answer)


WAYS = (by_closure, by_default, by_helper, by_partial, in_a_list)


def asked(world):
    """Return the rows that the answers have left."""
    return world.db.count("asked")


@pytest.mark.parametrize("way", [*WAYS, of_a_model], ids=lambda way: way.__name__)
def test_a_function_belongs_to_the_world_that_asks(ran, way):
    """In a copy, and in a copy of the copy, it reads and writes the copy; the first world stays as it was."""
    world = World()
    world.db.create("asked")
    way(world)
    call = "ctx.llm.run('How many?')['text']" if way is of_a_model else f"ctx.http.get({API!r})['json']"
    copy = world.at(world.snapshot())
    assert [f"{ran(f'return {call}', copy).value}" for _ in range(2)] == ["1", "2"]
    second = copy.at(copy.snapshot())
    assert f"{ran(f'return {call}', second).value}" == "3"
    assert (asked(world), asked(copy), asked(second)) == (0, 2, 3)
    assert f"{ran(f'return {call}', world).value}" == "1"
    assert (asked(world), asked(copy), asked(second)) == (1, 2, 3)


def test_a_restored_world_keeps_its_functions(ran):
    """Going back to a snapshot of its own, also after a copy was made."""
    world = World()
    world.db.create("asked")
    by_closure(world)
    before = world.snapshot()
    ran(f"ctx.http.get({API!r})", world.at(before))
    ran(f"ctx.http.get({API!r})", world)
    world.restore(before)
    assert (ran(f"return ctx.http.get({API!r})['json']", world).value, asked(world)) == (1, 1)


def test_what_a_function_counts_itself_is_shared(ran):
    """A variable of the author is not part of a world, as the manual says."""
    world = World()
    calls = []
    world.http.get(API).side_effect = lambda request: httpx.Response(200, json=len(calls.append(request) or calls))
    copy = world.at(world.snapshot())
    assert [ran(f"return ctx.http.get({API!r})['json']", each).value for each in (world, copy)] == [1, 2]
