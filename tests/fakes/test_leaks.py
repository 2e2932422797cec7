"""Secrets that a job leaks: each is a fault that names the secret and the place, never the value."""

import pytest

from sbh_jobkit.fakes.world import World

VALUE = "s3cr3t 'ü' \"/\\ value"
ADVICE = "leave it out: a secret belongs in the headers or the body of a request, and nowhere else"
URL = "the URL of a GET request"


@pytest.fixture
def world():
    """Make a tenant with a secret that every format writes in its own way, and an internet that answers all."""
    made = World()
    made.secrets["KEY"] = VALUE
    made.secrets["LOGIN"] = "t-12345"
    made.secrets["API"] = "https://api.example.com/v1"
    made.secrets["HOOK"] = "https://hooks.example.com/T01/x9Y"
    made.secrets["SHORT"] = "abc"
    made.http.route().respond(200)
    return made


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("print('key:', key)", ("print", "what the job printed", "main.py:6")),
        ("print(key, file=__import__('sys').stderr)", ("print", "what the job printed", "main.py:6")),
        ("print(repr(key)); print([key])", ("print", "what the job printed", "main.py:6")),
        ("print(__import__('json').dumps({'a': key}))", ("print", "what the job printed", "main.py:6")),
        ("print(key.encode())", ("print", "what the job printed", "main.py:6")),
        ("__import__('logging').warning('got %s', key)", ("logging", "what the job logged", "main.py:6")),
        ("ctx.emit('found', {'a': [{'b': key}]})", ("ctx.emit", "the event 'found'", "main.py:6")),
        ("ctx.emit('found', {key: 1})", ("ctx.emit", "the event 'found'", "main.py:6")),
        ("ctx.emit('found.' + login, {})", ("ctx.emit", "the event 'found.‹secret:LOGIN›'", "main.py:6")),
        ("ctx.files.upload('a.txt', key)", ("ctx.files.upload", "the uploaded file 'a.txt'", "main.py:6")),
        ("ctx.files.upload('a.bin', key.encode())", ("ctx.files.upload", "the uploaded file 'a.bin'", "main.py:6")),
        ("ctx.files.upload(login + '.txt', '')", ("ctx.files.upload", "the key of an uploaded file", "main.py:6")),
        ("ctx.http.get('https://a.example.com/', {'k': key})", ("ctx.http.get", URL, "main.py:6")),
        ("ctx.http.get(f'https://a.example.com/{login}')", ("ctx.http.get", URL, "main.py:6")),
        ("ctx.http.get(f'https://u:{login}@a.example.com/')", ("ctx.http.get", URL, "main.py:6")),
        ("ctx.http.get(f'{api}/users?key={login}')", ("ctx.http.get", URL, "main.py:6")),
        ("ctx.http.get(f'https://a.example.com/?back={hook}')", ("ctx.http.get", URL, "main.py:6")),
        ("print('sending to', hook)", ("print", "what the job printed", "main.py:6")),
        ("ctx.http.get(login)", ("ctx.http.get", URL, "main.py:6")),
        ("ctx.llm.run('remember ' + key)", ("ctx.llm.run", "a prompt to the language model", "main.py:6")),
    ],
)
def test_a_secret_that_slips_out_is_a_fault(ran, world, body, told):
    """A job whose return value says that all is well has told a secret all the same."""
    run = ran(f"key, login, api, hook = map(ctx.secrets.get, ('KEY', 'LOGIN', 'API', 'HOOK'))\n{body}", world)
    (fault,) = run.faults
    member, where, place = told
    name = next(name for name in ("LOGIN", "KEY", "HOOK") if f"'{name}'" in fault.message)
    assert name == ("LOGIN" if "login" in body else "HOOK" if "hook" in body else "KEY")
    assert (fault.kind, fault.member, fault.message) == ("secret-leaked", member, f"secret {name!r} is in {where}")
    assert (fault.place, fault.advice, run.verdict) == (place, ADVICE, "faulty")
    assert not any(value in f"{run.to_dict()}" for value in (VALUE, "t-12345"))


@pytest.mark.parametrize(
    "body",
    [
        "print('KEY'); ctx.emit('KEY', {'KEY': 1})",
        "ctx.http.get('https://a.example.com/', headers={'Authorization': 'Bearer ' + login})",
        "ctx.http.post('https://a.example.com/', data=key, headers={'x-key': login})",
        "ctx.http.post('https://a.example.com/', json={'key': key})",
        "ctx.http.get(api); ctx.http.get(f'{api}/users'); ctx.http.get(f'{api}?page=2')",
        "print(f'{api}/users: no answer'); ctx.emit('failed', {'api': api})",
        "ctx.http.get('https://x.example', {'b': api})",
        "ctx.http.post(hook, json={}); ctx.http.get(f'{hook}/status')",
        "print('abc'); ctx.http.get('https://a.example.com/abc')",
        "ctx.files.upload('image.png', b'\\xff\\xfe\\x00' * 9)",
        "ctx.secrets.set('COPY', key); ctx.secrets.list()",
        "ctx.db.query('plugin_jobs', {'name': key})",
        "return {'status': 'ok'}",
    ],
)
def test_where_a_secret_belongs_is_no_fault(ran, world, body):
    """Headers and bodies carry secrets, an API's address lets nobody in, and names and short values are none."""
    run = ran(f"key, login, api, hook = map(ctx.secrets.get, ('KEY', 'LOGIN', 'API', 'HOOK'))\n{body}", world)
    assert (run.faults, run.ok) == ((), True)


@pytest.mark.parametrize(
    ("value", "leaks"),
    [
        ("https://api.example.com", False),
        ("http://localhost:8080/", False),
        ("https://api.example.com/rest/api/2", False),
        ("https://api.example.com/v1/", False),
        ("https://u:p@api.example.com", True),
        ("https://api.example.com/?key=1", True),
        ("https://hooks.example.com/services/T000/B000/XXXX", True),
        ("https://hooks.example.com/12345678", True),
        ("postgresql://db.example.com/shop", False),
        ("postgresql://shop:pw@db.example.com/shop", True),
        ("api.example.com/v1", True),
    ],
)
def test_which_addresses_are_confidential(ran, value, leaks):
    """An address is an API's where it has but words and versions in it; anything else may let somebody in."""
    world = World()
    world.secrets["API"] = value
    run = ran("print('asking', ctx.secrets.get('API'))", world)
    assert (run.ok, run.stdout) == (not leaks, "asking ‹secret:API›\n")


def test_one_fault_for_each_secret_and_where(ran, world):
    """A job that prints two secrets a hundred times, and emits one, has three faults."""
    run = ran(
        """
        for name in ('KEY', 'LOGIN') * 50:
            print(ctx.secrets.get(name))
            ctx.emit('told', {'login': ctx.secrets.get('LOGIN')})
        """,
        world,
    )
    assert [fault.message for fault in run.faults] == [
        "secret 'KEY' is in what the job printed",
        "secret 'LOGIN' is in the event 'told'",
        "secret 'LOGIN' is in what the job printed",
    ]


def test_a_value_that_was_replaced_is_still_a_secret(ran, world):
    """What a secret once was, or becomes during a run, is as secret."""
    body = "old = ctx.secrets.get('LOGIN'); ctx.secrets.set('LOGIN', 'other-1'); print(old); ctx.emit('x', 'other-1')"
    assert [fault.message for fault in ran(body, world).faults] == [
        "secret 'LOGIN' is in what the job printed",
        "secret 'LOGIN' is in the event 'x'",
    ]


def test_a_leak_is_found_in_a_run_that_crashes_or_times_out(ran, world):
    """How a run ends does not hide what it told."""
    run = ran("import time\nprint(ctx.secrets.get('LOGIN'))\ntime.sleep(99)", world)
    assert (run.outcome, [fault.kind for fault in run.faults]) == ("timed_out", ["secret-leaked"])


def test_leaks_can_be_allowed(ran):
    """A world that allows the kind has a run that is fine."""
    world = World(allow=["secret-leaked"])
    world.secrets["LOGIN"] = "t-12345"
    run = ran("print(ctx.secrets.get('LOGIN'))", world)
    assert (run.ok, run.stdout, len(run.faults)) == (True, "‹secret:LOGIN›\n", 1)


OWN = {
    "a position in a parameter": "ctx.http.get('https://api.example.com/notes', {'since': ctx.secrets.get('CURSOR')})",
    "a position in the address": "ctx.http.get('https://api.example.com/after/' + ctx.secrets.get('CURSOR'))",
    "a position of this very run": "ctx.secrets.set('PAGE', 'page-0042'); ctx.http.get('https://api.example.com/?p=page-0042')",
    "a new position": "ctx.secrets.set('CURSOR', 'c-99999'); ctx.http.get('https://api.example.com/?since=c-99999')",
    "after it was deleted": "ctx.secrets.delete('CURSOR'); ctx.secrets.set('CURSOR', 'c-5555'); "
    "ctx.http.get('https://api.example.com/?since=c-5555')",
}
GIVEN = {
    "what an administrator gave": "ctx.http.get('https://api.example.com/?key=' + ctx.secrets.get('LOGIN'))",
    "what was given, set again": "ctx.secrets.set('LOGIN', 't-99999'); ctx.http.get('https://api.example.com/?key=t-99999')",
    "what was given, deleted and set": "ctx.secrets.delete('LOGIN'); ctx.secrets.set('LOGIN', 't-9999'); "
    "ctx.http.get('https://api.example.com/?key=t-9999')",
    "a position in what is printed": "print(ctx.secrets.get('CURSOR'))",
    "a position in an event": "ctx.emit('x', {'at': ctx.secrets.get('CURSOR')})",
}


@pytest.mark.parametrize("body", OWN.values(), ids=OWN)
def test_a_position_may_be_in_a_url(ran, world, body):
    """A secret that only jobs have set is what a job remembers: in a URL it is no leak, and hidden all the same."""
    world.http.route().respond(json=[])
    ran("ctx.secrets.set('CURSOR', '2026-01-05T08:00:00')", world)
    run = ran(body, world)
    assert (run.error, run.faults) == (None, ())
    assert "‹secret:" in run.http_calls[0].url


@pytest.mark.parametrize("body", GIVEN.values(), ids=GIVEN)
def test_what_was_given_may_not(ran, world, body):
    """What an administrator has set stays a leak, and a position elsewhere, too."""
    world.http.route().respond(json=[])
    ran("ctx.secrets.set('CURSOR', '2026-01-05T08:00:00')", world)
    assert [fault.kind for fault in ran(body, world).faults] == ["secret-leaked"]
