"""`world.http` and `ctx.http`."""

import sys
import time

import httpx
import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.run.sent import digest

API = "https://api.example.com"


@pytest.fixture
def world():
    """Make a world with one host and answers of every kind."""
    made = World()
    http = made.http
    http.get(f"{API}/users").respond(json=[{"id": 1}])
    http.get(f"{API}/text").respond(text="plain")
    http.get(f"{API}/html").respond(html="<p>")
    http.get(f"{API}/hal").respond(content=b'{"a": 1}', content_type="application/hal+json; charset=utf-8")
    http.get(f"{API}/broken").respond(content=b"{", content_type="application/json")
    http.get(f"{API}/lookalike").respond(content=b'{"a": 1}', content_type="text/plain")
    http.get(f"{API}/nothing").respond(204)
    http.get(f"{API}/null").respond(json=None, content_type="application/json")
    http.get(f"{API}/missing").respond(404, json={"error": "no such user"})
    http.get(f"{API}/down").respond(503, text="maintenance")
    http.get(f"{API}/old").respond(302, headers={"location": "/users"})
    http.get(f"{API}/loop").respond(302, headers={"location": "/loop"})
    http.get(f"{API}/away").respond(302, headers={"location": "https://elsewhere.example.com/x"})
    http.get(f"{API}/slow").side_effect = httpx.ReadTimeout("took too long")
    http.get(f"{API}/refused").side_effect = httpx.ConnectError("refused")
    http.get(f"{API}/bug").side_effect = ZeroDivisionError("in the author's function")
    http.route(path="/echo").side_effect = echo
    http.get(f"{API}/page", params={"page": "1"}).respond(json=["first"])
    return made


def echo(request):
    """Answer with what was asked."""
    own = {name: value for name, value in request.headers.items() if name.startswith("x-") or name == "content-type"}
    seen = {"method": request.method, "url": str(request.url), "headers": own, "body": request.content.decode()}
    return httpx.Response(200, json=seen)


def answer(status, text, body, **headers):
    """Return the dict that a job gets."""
    return {
        "status_code": status,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "text": text,
        "json": body,
    }


def error(text):
    """Return the dict for an answer that never came."""
    return {"status_code": 0, "error": text, "text": "", "json": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("users", answer(200, '[{"id":1}]', [{"id": 1}], content_length="10", content_type="application/json")),
        ("text", answer(200, "plain", None, content_length="5", content_type="text/plain; charset=utf-8")),
        ("html", answer(200, "<p>", None, content_length="3", content_type="text/html; charset=utf-8")),
        (
            "hal",
            answer(200, '{"a": 1}', {"a": 1}, content_length="8", content_type="application/hal+json; charset=utf-8"),
        ),
        ("broken", answer(200, "{", None, content_length="1", content_type="application/json")),
        ("lookalike", answer(200, '{"a": 1}', None, content_length="8", content_type="text/plain")),
        ("nothing", answer(204, "", None)),
        ("null", answer(200, "", None, content_type="application/json")),
        (
            "missing",
            answer(
                404,
                '{"error":"no such user"}',
                {"error": "no such user"},
                content_length="24",
                content_type="application/json",
            ),
        ),
        ("down", answer(503, "maintenance", None, content_length="11", content_type="text/plain; charset=utf-8")),
        ("old", answer(200, '[{"id":1}]', [{"id": 1}], content_length="10", content_type="application/json")),
        ("loop", error("TooManyRedirects: Exceeded maximum allowed redirects.")),
        ("slow", error("ReadTimeout: took too long")),
        ("refused", error("ConnectError: refused")),
        ("bug", error("ZeroDivisionError: in the author's function")),
    ],
)
def test_what_a_job_is_answered(answered, world, path, value):
    """An answer has status, headers, text and JSON; 4xx and 5xx are answers; what fails is status 0 and an error."""
    assert answered(f"ctx.http.get('{API}/{path}')", world) == value


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        ("get(url)", ("GET", "", {}, "")),
        ("get(url, {'a': 1, 'b': 'x y'})", ("GET", "?a=1&b=x%20y", {}, "")),
        ("get(url=url, params={'a': [1, 2]})", ("GET", "?a=1&a=2", {}, "")),
        ("get(url, None, {'X-Key': 'k'})", ("GET", "", {"x-key": "k"}, "")),
        ("post(url)", ("POST", "", {}, "")),
        (
            "post(url, {'a': 1, 'b': 'ü'})",
            ("POST", "", {"content-type": "application/x-www-form-urlencoded"}, "a=1&b=%C3%BC"),
        ),
        ("post(url, 'text')", ("POST", "", {}, "text")),
        ("post(url, data=b'bytes')", ("POST", "", {}, "bytes")),
        ("post(url, json={'a': [1]})", ("POST", "", {"content-type": "application/json"}, '{"a":[1]}')),
        ("post(url, None, [1])", ("POST", "", {"content-type": "application/json"}, "[1]")),
        ("post(url, '{}', None, {'Content-Type': 'text/x'})", ("POST", "", {"content-type": "text/x"}, "{}")),
        ("put(url, json={})", ("PUT", "", {"content-type": "application/json"}, "{}")),
        ("put(url, 'x', headers={'X-A': '1'})", ("PUT", "", {"x-a": "1"}, "x")),
        ("delete(url)", ("DELETE", "", {}, "")),
        ("delete(url, {'X-A': '1'})", ("DELETE", "", {"x-a": "1"}, "")),
    ],
)
def test_what_a_job_sends(ran, world, call, sent):
    """Parameters, headers, forms, text, bytes and JSON arrive as a server would see them."""
    run = ran(f"url = '{API}/echo'\nreturn ctx.http.{call}['json']", world)
    method, query, headers, body = sent
    run.value["url"] = run.value["url"].replace("+", "%20")
    assert run.value == {"method": method, "url": f"{API}/echo{query}", "headers": headers, "body": body}
    assert run.faults == ()


@pytest.mark.parametrize(
    "call",
    [
        "get('no url')",
        "get('')",
        "get(None)",
        "get(5)",
        "get('http://[bad')",
        "get('http://[bad', params={'a': 1})",
        "get('ftp://a.example.com/x')",
        "get('file:///etc/passwd')",
        "get('https://')",
        "get('https://a.example.com:port/')",
        "get('https://a.example.com/\\x00')",
        "get('https://a.example.com', headers={'a': 5})",
        "get('https://a.example.com', headers={'ü': 'é\\u2603'})",
        "get('https://a.example.com', headers={'a': 'b\\nc'})",
        "get('https://a.example.com', params=5)",
        "post('https://a.example.com', json=object())",
        "post('https://a.example.com', json=float('nan'))",
        "post('https://a.example.com', data=5)",
        "post('https://a.example.com', data=[('a', 1)])",
        "put('https://a.example.com', data=object())",
        "delete(object())",
    ],
)
def test_it_never_raises(ran, world, call):
    """Whatever a job passes, the answer is a dict: with status 0 and an error."""
    run = ran(f"return ctx.http.{call}", world)
    assert (run.outcome, run.error) == ("ok", None)
    told = run.value.pop("error")
    assert run.value == {"status_code": 0, "text": "", "json": None}
    assert told != ""


STRIP = "call .strip() where the job reads it: what comes from a file or a command often ends with a line break"
ONE_LINE = "a header is one line of text: send this in the body, or as JSON or base64"
LETTERS = "write letters, digits and hyphens"
HEADERS = {
    "a line break at the end": ({"X-Key": "{key}\n"}, "the value of the header X-Key ends with a line break", STRIP),
    "that of Windows": ({"X-Key": "{key}\r\n"}, "the value of the header X-Key ends with a line break", STRIP),
    "bytes": ({"X-Key": b"k\n"}, "the value of the header X-Key ends with a line break", STRIP),
    "a space before": ({"X-Key": " {key}"}, "the value of the header X-Key begins with white space", STRIP),
    "a tab behind": ({"X-Key": "{key}\t"}, "the value of the header X-Key ends with white space", STRIP),
    "nothing but space": ({"X-Key": " "}, "the value of the header X-Key ends with white space", STRIP),
    "a header in a header": ({"X-Key": "a\r\nX: b"}, "the value of the header X-Key has a line break in it", ONE_LINE),
    "PEM": ({"X-Key": "{key}\nb\n"}, "the value of the header X-Key ends with a line break", ONE_LINE),
    "NUL": ({"X-Key": "{key}\0"}, "the value of the header X-Key has a control character in it", ONE_LINE),
    "a form feed": ({"X-Key": "a\fb"}, "the value of the header X-Key has a control character in it", ONE_LINE),
    "the second": (
        {"X": "1", "X-Key": "{key}\n"},
        "the value of the header X-Key ends with a line break",
        STRIP,
    ),
    "pairs": ([("X-Key", "{key}\n")], "the value of the header X-Key ends with a line break", STRIP),
    "a space in a name": ({"X Key": "{key}"}, "'X Key' is not the name of a header", LETTERS),
    "no name": ({"": "1"}, "'' is not the name of a header", LETTERS),
    "a colon": ({"X-Key:": "1"}, "'X-Key:' is not the name of a header", LETTERS),
    "a name with a line break": ({"X\n": "1"}, "'X\\n' is not the name of a header", LETTERS),
    "a length in words": ({"Content-Length": "ten"}, "bad Content-Length", None),
    "two hosts": ([("Host", "a"), ("Host", "b")], "Found multiple Host: headers", None),
}


@pytest.mark.parametrize(("headers", "message", "advice"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_no_client_sends(faulted, *, headers, message, advice):
    """The request is not sent; the fault names the header, and neither it nor the error shows a secret's value."""
    world = World()
    world.secrets["KEY"] = "tok-'\"123"
    world.http.get(API).respond(json={})
    given = repr(headers).replace("{key}", "' + ctx.secrets.get('KEY') + '")
    value, fault = faulted(f"ctx.http.get('{API}', headers={given})", world)
    assert fault == ("header-invalid", "ctx.http.get", message, advice)
    assert value["status_code"] == 0
    assert value["error"].startswith("LocalProtocolError: ")
    assert "tok" not in value["error"]
    assert world.http.unused == (f"GET {API}",)


@pytest.mark.parametrize("text", ["", "Bearer a b", "a\tb", 'a,b;c="d"', "\x01"])
def test_a_header_that_clients_send(answered, world, text):
    """What a server would see is what the route sees."""
    assert answered(f"ctx.http.get('{API}/echo', None, {{'x-a': {text!r}}})['json']['headers']", world) == {"x-a": text}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url", "UnsupportedProtocol: Request URL is missing an 'http://' or 'https://' protocol."),
        ("ftp://a/x", "UnsupportedProtocol: Request URL has an unsupported protocol 'ftp://'."),
    ],
)
def test_what_is_no_address_is_said_as_production_says_it(answered, world, url, message):
    """The error text is that of httpx for such a URL."""
    assert answered(f"ctx.http.get({url!r})", world) == error(message)


UNMATCHED = [
    (
        World(),
        "get",
        "https://x.example.com/a",
        "GET https://x.example.com/a matches no route of the world; the world has no routes",
    ),
    (
        None,
        "get",
        f"{API}/user",
        f"GET {API}/user matches no route of the world; the nearest is GET {API}/users (the path differs)",
    ),
    (
        None,
        "post",
        f"{API}/users",
        f"POST {API}/users matches no route of the world; the nearest is GET {API}/users (the method differs)",
    ),
]


def test_a_function_that_forgets_to_return_is_named(faulted):
    """Its route matches, and yet nothing answers."""
    world = World()
    world.http.get(f"{API}/users").side_effect = lambda _: None
    _, (kind, _, message, _) = faulted(f"ctx.http.get('{API}/users')", world)
    assert (kind, message) == (
        "http-unmatched",
        (
            f"GET {API}/users matches no route of the world; the function of GET {API}/users returned None, "
            "and has to return an httpx.Response"
        ),
    )


@pytest.mark.parametrize(("own", "method", "url", "message"), UNMATCHED)
def test_a_request_without_a_route_is_an_error_and_a_fault(faulted, own, method, url, message):
    """The job gets status 0, and the run says which request, what is near, and which line to paste."""
    world = own or World()
    if own is None:
        world.http.get(f"{API}/users").respond(json=[])
    value, fault = faulted(f"ctx.http.{method}('{url}')", world)
    assert value == error(f"no route for {method.upper()} {url}")
    paste = f'world.http.{method}("{url}").respond(json={{…}})'
    assert fault == ("http-unmatched", f"ctx.http.{method}", message, paste)


def test_a_redirect_to_nowhere_names_where_it_leads(faulted, world):
    """The fault names the address of the redirect, which has no route."""
    value, (kind, member, message, paste) = faulted(f"ctx.http.get('{API}/away')", world)
    assert value == error("no route for GET https://elsewhere.example.com/x")
    assert (kind, member) == ("http-unmatched", "ctx.http.get")
    assert message.startswith("GET https://elsewhere.example.com/x matches no route of the world")
    assert paste == 'world.http.get("https://elsewhere.example.com/x").respond(json={…})'
    (call,) = world.http.log
    assert (call.url, call.status, call.matched) == ("https://elsewhere.example.com/x", 0, False)


@pytest.mark.parametrize(
    ("routes", "request_", "end"),
    [
        (["get(url + '/user')", "get(url + '/text')"], "get(url + '/usr')", f"is GET {API}/user (the path differs)"),
        (["get(url + '/a')", "get(url + '/b')"], "post(url + '/c')", f"are GET {API}/a, GET {API}/b"),
        (
            [f"get(url + '/{name}')" for name in "abcde"],
            "get(url + '/xyz')",
            "are " + ", ".join(f"GET {API}/{name} (the path differs)" for name in "abc"),
        ),
        (
            ["get(url + '/p', params={'n': '1'})", "get(url + '/q')"],
            "get(url + '/p', {'n': 2})",
            f"is GET {API}/p?n=1 (the parameters differ)",
        ),
        (["post(url, json={'a': 1})"], "post(url, json={'a': 2})", f"is POST {API} (the JSON differs)"),
        (["post(url, data={'a': 1})"], "post(url, {'a': 2})", f"is POST {API} (the form differs)"),
        (["get(url, headers={'x-key': 'k'})"], "get(url)", f"is GET {API} (the headers differ)"),
        (["get('http://api.example.com')"], "get(url)", "is GET http://api.example.com (the scheme differs)"),
        (["get(url + ':8443')"], "get(url)", f"is GET {API}:8443 (the port differs)"),
        (["get('https://api.exmaple.com/')"], "get(url + '/')", "is GET https://api.exmaple.com/ (the host differs)"),
        (["route(path='/echo')"], "get(url)", "is any request to /echo (the path differs)"),
        (["route(method__in=['PUT', 'POST'])"], "get(url)", "is PUT|POST any URL (the method differs)"),
        (
            ["route(host='api.example.com', path__regex=r'/users/(?P<id>[0-9]+)')"],
            "get(url + '/users/x')",
            "is any request to api.example.com/users/(?P<id>[0-9]+) (the path differs)",
        ),
        (
            ["get(url__startswith='https://b.example.com')"],
            "get(url)",
            "is GET https://b.example.com… (the URL differs)",
        ),
    ],
)
def test_the_nearest_routes_are_named(ran, routes, request_, end):
    """What comes nearest differs in the fewest parts and has a similar path; where one part differs, it is named."""
    world = World()
    for route in routes:
        eval(f"http.{route}", {"http": world.http, "url": API})  # noqa: S307  as an author would write it
    (fault,) = ran(f"url = '{API}'\nctx.http.{request_}", world).faults
    assert fault.message.partition("; the nearest ")[2] == end


def test_parameters_are_a_part_of_what_has_no_route(faulted, world):
    """Where only a parameter differs, the message and the line to paste show it."""
    _, (_, _, message, paste) = faulted(f"ctx.http.get('{API}/page', params={{'page': 2}})", world)
    assert message.startswith(f"GET {API}/page?page=2 matches no route of the world")
    assert paste == f'world.http.get("{API}/page?page=2").respond(json={{…}})'


def test_the_line_to_paste_works(ran):
    """An author who pastes the advice, with an answer filled in, has a run without a fault."""
    world = World()
    body = f"return ctx.http.post('{API}/orders?a=1', json={{'id': 1}})['json']"
    (fault,) = ran(body, world).faults
    exec(fault.advice.replace("{…}", "{'ok': True}"), {"world": world})  # noqa: S102  as its author would
    run = ran(body, world)
    assert (run.value, run.faults) == ({"ok": True}, ())


@pytest.mark.parametrize("call", ["http.get(u)", "http.post(u)", "http.put(u)", "http.delete(u)"])
def test_permissions(faulted, world, call):
    """Requests need `outbound_http`; without it nothing is sent."""
    value, fault = faulted(f"ctx.{call.replace('(u)', f'({API!r})')}", world, permissions=[])
    member = f"ctx.{call.partition('(')[0]}"
    message = f"{member} needs the permission 'outbound_http', which plugin.json does not list"
    assert value == ["PermissionDenied", message]
    advice = 'add "outbound_http" to "permissions" in plugin.json'
    assert fault == ("permission-denied", member, message, advice)
    assert world.http.log == []


def test_a_list_of_answers_repeats_its_last(answered):
    """The third call and all after it get what the list ends with, also across runs."""
    world = World()
    last = httpx.Response(200, json=["up"])
    world.http.get(API).side_effect = [httpx.Response(503), httpx.ConnectError("no"), last]
    calls = f"[ctx.http.get('{API}')['status_code'] for _ in range(4)]"
    assert answered(calls, world) == [503, 0, 200, 200]
    assert answered(calls, world) == [200, 200, 200, 200]


def test_a_list_that_ends_in_an_error_repeats_the_error(answered):
    """A service that goes down stays down."""
    world = World()
    world.http.get(API).side_effect = [httpx.Response(200), httpx.ConnectError("gone")]
    calls = f"[ctx.http.get('{API}').get('error') for _ in range(3)]"
    assert answered(calls, world) == [None, "ConnectError: gone", "ConnectError: gone"]


def test_each_route_has_its_own_list(answered):
    """Lists of different routes do not mix."""
    world = World()
    for name in "ab":
        world.http.get(f"{API}/{name}").side_effect = [httpx.Response(200, text=f"{name}{n}") for n in (1, 2)]
    calls = f"[ctx.http.get('{API}/' + name)['text'] for name in 'abbba']"
    assert answered(calls, world) == ["a1", "b1", "b2", "b2", "a2"]


@pytest.mark.parametrize(("latency", "seconds"), [("300ms", 0.3), ("2s", 2.0), (0.25, 0.25), (0, 0.0)])
def test_a_slow_route_takes_virtual_time(ran, latency, seconds):
    """Each answer comes after the route's latency, which the run and the call show."""
    world = World()
    world.http.get(API).after(latency).respond(json=["late"])
    run = ran(f"return [ctx.http.get('{API}')['json'] for _ in range(2)]", world)
    assert (run.value, run.duration.total_seconds()) == ([["late"], ["late"]], 2 * seconds)
    assert [call.seconds for call in run.http_calls] == [seconds, seconds]


def test_a_slow_route_can_pass_the_time_limit(ran):
    """An API that takes too long ends the run, and the request is on record."""
    world = World()
    world.http.get(API).respond(200).after("31s")
    run = ran(f"try: ctx.http.get('{API}')\nexcept Exception: pass", world)
    assert (run.outcome, [(call.status, call.seconds) for call in run.http_calls]) == ("timed_out", [(0, 30.0)])


def test_an_error_comes_after_the_latency_too(ran):
    """A time-out takes its time."""
    world = World()
    world.http.get(API).after("10s").side_effect = httpx.ReadTimeout("too long")
    run = ran(f"return ctx.http.get('{API}')['error']", world)
    assert (run.value, run.duration.total_seconds()) == ("ReadTimeout: too long", 10)


def drawn(answered, seed, count=200, **how):
    """Return what each of some requests was answered by a route that fails one in four."""
    world = World()
    world.random.seed(seed)
    world.http.get(API).respond(200).failing(0.25, **how)
    answers = f"[ctx.http.get('{API}') for _ in range({count})]"
    return answered(f"[answer.get('error') or answer['status_code'] for answer in {answers}]", world)


def test_the_same_seed_has_the_same_failures(answered):
    """`world.random` decides which requests fail."""
    first, again, other = drawn(answered, 1), drawn(answered, 1), drawn(answered, 2)
    assert first == again != other
    assert set(first) == {200, 503}
    assert 30 < first.count(503) < 70


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ({}, 503),
        ({"status_code": 429}, 429),
        ({"error": httpx.ConnectError("refused")}, "ConnectError: refused"),
        ({"error": httpx.ReadTimeout}, "ReadTimeout"),
        ({"error": OSError}, "OSError"),
    ],
)
def test_how_a_route_fails(answered, how, answer):
    """A failure is a status, which is an answer, or an exception, which is not."""
    assert set(drawn(answered, 1, count=40, **how)) == {200, answer}


@pytest.mark.parametrize(("rate", "answers"), [(0, [1, 2, 2]), (1, [503, 503, 503])])
def test_what_fails_by_chance_takes_nothing_from_a_list(answered, rate, answers):
    """With rates 1 and 0, all requests fail or none; a route that is set again is neither slow nor failing."""
    world = World()
    world.http.get(API).failing(rate).side_effect = [httpx.Response(200, text=text) for text in "12"]
    calls = f"[int(answer['text'] or answer['status_code']) for answer in [ctx.http.get('{API}') for _ in '123']]"
    assert answered(calls, world) == answers
    world.http.get(API).respond(text="3")
    assert answered(calls, world) == [3, 3, 3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda route: route.after("soon"),
            "a route's after: 'soon' is not a latency; use a number of seconds from 0, or text such as '300ms' or '2s'",
        ),
        (
            lambda route: route.failing(10),
            "a route's failing: 10 is not a share of requests; use a number from 0 to 1",
        ),
        (
            lambda route: route.failing("10%"),
            "a route's failing: '10%' is not a share of requests; use a number from 0 to 1",
        ),
        (
            lambda route: route.failing(0.1, status_code=5),
            "a route's failing: 5 is neither a status nor an exception",
        ),
        (
            lambda route: route.failing(0.1, error="down"),
            "a route's failing: 'down' is neither a status nor an exception",
        ),
        (
            lambda route: route.failing(0.1, error=str),
            "a route's failing: <class 'str'> is neither a status nor an exception",
        ),
    ],
)
def test_a_wrong_latency_or_failure_is_an_error(wrong, message):
    """A wrong latency, rate or failure is an error at the author's line."""
    with pytest.raises(WorldError) as refused:
        wrong(World().http.get(API))
    assert str(refused.value) == message


def test_an_exception_class_is_shown_by_its_name(answered):
    """A class of httpx will do as a failure, and reads like a real one."""
    world = World()
    world.http.get(API).side_effect = httpx.ConnectTimeout
    assert answered(f"ctx.http.get('{API}')", world) == error("ConnectTimeout")


def test_calls_are_recorded(ran, world):
    """The run has every request with the status of its answer, matched or not."""
    run = ran(
        f"""
        ctx.http.get('{API}/users')
        ctx.http.get('{API}/slow')
        ctx.http.post('{API}/users', json={{}})
        """,
        world,
    )
    at = "2026-01-05T09:00:00+00:00"
    same = {"at": at, "seconds": 0.0, "headers": {}}
    nothing = {"body": "", "digest": "", **same}
    assert run.to_dict()["http_calls"] == [
        {"method": "GET", "url": f"{API}/users", "status": 200, "matched": True, **nothing},
        {"method": "GET", "url": f"{API}/slow", "status": 0, "matched": True, **nothing},
        {
            "method": "POST",
            "url": f"{API}/users",
            "status": 0,
            "matched": False,
            **same,
            "body": "{}",
            "digest": digest(b"{}"),
        },
    ]
    assert tuple(world.http.log) == run.http_calls
    assert repr(world.http) == f"<http: {len(world.http.routes)} routes, 3 calls>"


def test_parameters_are_recorded(ran, world):
    """Two pages are two addresses."""
    run = ran(f"for page in (1, 2): ctx.http.get('{API}/echo', params={{'page': page}})", world)
    assert [call.url for call in run.http_calls] == [f"{API}/echo?page=1", f"{API}/echo?page=2"]


def test_a_slow_service_takes_virtual_time(ran):
    """A route may sleep: the call tells when it was made and how long it took, and the run is that much longer."""
    world = World()

    def slow(request):
        del request
        time.sleep(2.5)
        return httpx.Response(200)

    world.http.get(API).side_effect = slow
    run = ran(f"ctx.http.get('{API}'); ctx.http.get('{API}')", world)
    assert run.duration.total_seconds() == 5
    assert [call.seconds for call in run.http_calls] == [2.5, 2.5]
    assert [call.at.isoformat() for call in run.http_calls] == [
        "2026-01-05T09:00:00+00:00",
        "2026-01-05T09:00:02.500000+00:00",
    ]


def test_a_service_that_is_too_slow_times_the_run_out(ran):
    """A limit that passes within a request ends the run: `never raises` is about answers."""
    world = World()
    world.http.get(API).side_effect = lambda request: time.sleep(31) or httpx.Response(200, request=request)
    assert ran(f"ctx.http.get('{API}')", world).outcome == "timed_out"


def test_the_request_that_timed_a_run_out_is_recorded(ran):
    """The run shows which service hung, and for how long."""
    world = World()
    world.http.get(API).side_effect = lambda request: time.sleep(31) or httpx.Response(200, request=request)
    (call,) = ran(f"ctx.http.get('{API}')", world).http_calls
    assert (call.url, call.status, call.matched, call.seconds) == (API, 0, True, 30)


def test_time_is_elapsed_time_where_clocks_change(ran):
    """An answer that takes a second takes one on the night when clocks go back, too."""
    world = World(tz="Europe/Paris")
    world.http.get(API).side_effect = lambda request: time.sleep(1) or httpx.Response(200, request=request)
    (call,) = ran(f"ctx.http.get('{API}')", world, at="2026-10-25T02:59:59+02:00").http_calls
    assert (call.at.isoformat(), call.seconds) == ("2026-10-25T02:59:59+02:00", 1)


def test_a_route_that_exits_is_an_error(ran):
    """An author's function that ends the process ends no run: `ctx.http` never raises."""
    world = World()
    world.http.get(API).side_effect = lambda request: sys.exit(f"no {request.method}")
    assert ran(f"return ctx.http.get('{API}')['error']", world).value == "SystemExit: no GET"


def test_a_service_that_stays_down_does_not_grow(ran):
    """An error that is raised again and again keeps no tracebacks, which would hold all those runs."""
    world, down = World(), httpx.ConnectError("refused")
    world.http.get(API).side_effect = down
    ran(f"for _ in range(9): ctx.http.get('{API}')", world)
    assert down.__traceback__ is None


def test_no_cookies_are_carried_along(answered):
    """Each request stands alone: a cookie that an answer sets is not sent with the next request."""
    world = World()
    world.http.get(f"{API}/login").respond(headers={"set-cookie": "session=1"})
    world.http.get(f"{API}/me").side_effect = lambda request: httpx.Response(200, json=dict(request.headers))
    answered(f"ctx.http.get('{API}/login')['status_code']", world)
    assert "cookie" not in answered(f"ctx.http.get('{API}/me')['json']", world)


def test_an_answer_belongs_to_the_job(ran, world):
    """Changing an answer changes no other."""
    run = ran(f"for _ in range(2): a = ctx.http.get('{API}/users'); a['json'].append(1)\nreturn a['json']", world)
    assert run.value == [{"id": 1}, 1]


def test_routes_are_respxs_own(answered):
    """Patterns, order and replacement are those of respx."""
    world = World()
    world.http.route(host="api.example.com", path__regex=r"/users/(?P<id>\d+)").respond(json={"by": "pattern"})
    world.http.post(API, json={"a": 1}).respond(201)
    world.http.get(API).respond(500)
    world.http.get(API).respond(200)
    calls = (
        f"[ctx.http.get('{API}/users/5')['json'], ctx.http.post('{API}', json={{'a': 1}})['status_code'],"
        f" ctx.http.get('{API}')['status_code']]"
    )
    assert answered(calls, world) == [{"by": "pattern"}, 201, 200]


def test_an_address_without_a_protocol_is_recorded_as_it_was_given(ran):
    """What is no URL is shown as the job wrote it."""
    run = ran("ctx.http.get('api.example.com/v1')")
    assert [call.url for call in run.http_calls] == ["api.example.com/v1"]


def test_a_rollback_rewinds_a_list_of_answers(answered):
    """After `world.http.rollback()` the answers go on from where `snapshot()` was called."""
    world = World()
    route = world.http.get(API)
    route.side_effect = [httpx.Response(200, text=text) for text in "abcd"]
    ask = f"ctx.http.get('{API}')['text']"
    assert answered(ask, world) == "a"
    world.http.snapshot()
    assert [answered(ask, world), answered(ask, world)] == ["b", "c"]
    route.after("2s")
    world.http.rollback()
    assert [answered(ask, world), answered(ask, world)] == ["b", "c"]
