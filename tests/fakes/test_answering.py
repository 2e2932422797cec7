"""Functions that answer for a service: a mistake in one fails the run, an error that is meant does not."""

import sys

import httpx
import pytest

from sbh_jobkit import World

API = "https://api.example.com/orders"
GET = f"return ctx.http.get('{API}')"
ASK = "return ctx.llm.run('sum up')"
ADVICE = "fix the function; an error that the job is meant to meet is returned: return ValueError('…')"


def _key(request):
    return httpx.Response(200, json={}["orders"])


def _misnamed(request):
    return httpx.Response(200, json=undefined_name)  # noqa: F821  the mistake


def _too_many(request, page):
    return httpx.Response(200, json=page)


async def _late(request):
    return httpx.Response(200)


def _table(world):
    return lambda request: httpx.Response(200, json=world.db.rows("no such table"))


MISTAKES = {
    "key": (_key, "raised KeyError: 'orders'"),
    "name": (_misnamed, "raised NameError: name 'undefined_name' is not defined"),
    "parameters": (_too_many, "raised TypeError: _too_many() missing 1 required positional argument: 'page'"),
    "async": (_late, "is a coroutine"),
    "dict": (lambda request: {"status": 200}, "is {'status': 200}"),
    "empty dict": (lambda request: {}, "is {}"),
    "text": (lambda request: "ok", "is 'ok'"),
    "number": (lambda request: 200, "is 200"),
    "request": (lambda request: request, "is <Request('GET', 'https://api.example.com/orders')>"),
    "list of numbers": ([200, 201], "is 200"),
    "class": (dict, "raised TypeError: 'Request' object is not iterable"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_answer_of_a_route_fails_the_run(ran, name):
    """The job gets an error and goes on, and the run is faulty for it, at the line of the call."""
    effect, wrong = MISTAKES[name]
    world = World()
    world.http.get(API).side_effect = effect
    run = ran(GET, world)
    assert (run.verdict, [fault.kind for fault in run.faults]) == ("faulty", ["world-failed"])
    assert run.faults[0].message.startswith(f"the answer of GET {API} {wrong}")
    assert run.faults[0].place == "main.py:5"
    assert run.value["status_code"] == 0


def test_the_line_of_the_mistake_is_named(ran):
    """Of a function that raises it is the line that did, of one that returns the wrong thing where it is defined."""
    world = World()
    world.http.get(API).side_effect = _key
    (fault,) = ran(GET, world).faults
    line = _key.__code__.co_firstlineno + 1
    assert fault.message == f"the answer of GET {API} raised KeyError: 'orders' (test_answering.py:{line})"
    assert fault.advice == ADVICE


def test_a_function_that_asks_the_world_for_what_it_lacks_fails_the_run(ran):
    """The world's own errors in a function are the author's mistakes, too."""
    world = World()
    world.http.get(API).side_effect = _table(world)
    (fault,) = ran(GET, world).faults
    assert "raised UnknownTableError: " in fault.message


MEANT = {
    "instance": (httpx.ReadTimeout("slow"), "ReadTimeout: slow"),
    "class": (httpx.ConnectTimeout, "ConnectTimeout"),
    "any instance": (ValueError("bad"), "ValueError: bad"),
    "in a list": ([ValueError("bad")], "ValueError: bad"),
    "class in a list": ([httpx.ConnectError], "ConnectError"),
    "returned": (lambda request: ValueError("bad"), "ValueError: bad"),
    "class returned": (lambda request: httpx.ConnectError, "ConnectError"),
}


def _raises(error):
    def answer(request):
        raise error

    return answer


@pytest.mark.parametrize("name", MEANT)
def test_an_error_that_is_written_as_such_is_the_jobs_to_handle(ran, name):
    """It is the answer, and no fault."""
    effect, shown = MEANT[name]
    world = World()
    world.http.get(API).side_effect = effect
    run = ran(GET, world)
    assert (run.outcome, run.faults, run.value["error"]) == ("ok", (), shown)


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout("slow"), httpx.InvalidURL("bad"), ConnectionResetError("gone"), TimeoutError("slow")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_network_may_be_raised(ran, error):
    """A function that raises what a network raises means it."""
    world = World()
    world.http.get(API).side_effect = _raises(error)
    world.llm.reply(_raises(error))
    for call in (GET, ASK):
        run = ran(call, world)
        assert (run.outcome, run.faults) == ("ok", ())
        assert run.value["error"] == f"{type(error).__name__}: {error}"


def test_a_route_that_passes_requests_through_fails_the_run(ran):
    """A simulation has no network to pass them to."""
    world = World()
    world.http.get(API).pass_through()
    (fault,) = ran(GET, world).faults
    assert (fault.kind, fault.advice) == ("world-failed", "give it an answer: .respond(json={…})")
    assert fault.message == (
        f"the route GET {API} passes requests through to the real network, and a simulation has none"
    )


def test_a_function_may_leave_a_request_to_the_next_route(ran):
    """None is an answer of respx: this route does not match."""
    world = World()
    world.http.get(API, name="first").side_effect = lambda request: None
    world.http.get(url__startswith="https://api.example.com", name="second").respond(204)
    assert ran(GET, world).value["status_code"] == 204


def test_a_function_gets_the_route_if_it_has_such_a_parameter(ran):
    """As with respx itself; the same route may answer by another function later."""
    world = World()
    route = world.http.get(API)
    route.side_effect = [
        lambda request, route: httpx.Response(200 + route.call_count),
        lambda request: httpx.Response(210),
    ]
    run = ran(f"return [ctx.http.get('{API}')['status_code'] for _ in range(2)]", world)
    assert run.value == [200, 210]


REPLIES = {
    "key": (lambda prompt: {}["tone"], "the reply to a prompt raised KeyError: 'tone'"),
    "type": (lambda prompt: prompt + 1, "the reply to a prompt raised TypeError: can only concatenate str"),
    "none": (lambda prompt: None, "the reply to a prompt is None"),
    "dict": (lambda prompt: {"text": "a"}, "the reply to a prompt is {'text': 'a'}"),
    "async": (_late, "the reply to a prompt is a coroutine"),
    "exit": (lambda prompt: sys.exit(3), "the reply to a prompt raised SystemExit: 3"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_mistake_in_a_reply_fails_the_run(ran, name):
    """The model's answer is an error, and the run is faulty for it."""
    function, message = REPLIES[name]
    world = World()
    world.llm.reply(function)
    run = ran(ASK, world)
    assert (run.verdict, [fault.kind for fault in run.faults]) == ("faulty", ["world-failed"])
    assert run.faults[0].message.startswith(message)
    assert run.value["text"] == ""


def test_a_reply_may_return_an_error(ran):
    """As one that is given itself."""
    world = World()
    world.llm.reply(lambda prompt: RuntimeError("overloaded"))
    run = ran(ASK, world)
    assert (run.outcome, run.faults, run.value["error"]) == ("ok", (), "RuntimeError: overloaded")


def test_a_secret_in_a_mistake_is_hidden(ran):
    """The message of the fault is redacted."""
    world = World()
    world.secrets["KEY"] = "a-long-private-value"
    world.llm.reply(lambda prompt: {}["a-long-private-value"])
    (fault,) = [each for each in ran(ASK, world).faults if each.kind == "world-failed"]
    assert "‹secret:KEY›" in fault.message
    assert "private-value" not in fault.message
