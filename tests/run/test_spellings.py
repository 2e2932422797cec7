"""In which spellings a secret is found, and in which it is not: the manual lists both in the same words."""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from urllib.parse import quote, quote_plus, urlencode
from uuid import UUID
from xml.sax.saxutils import quoteattr

import pytest

from sbh_jobkit import World
from sbh_jobkit.run.redaction import Redactor

TOKEN = "p@ss/w0rd+x=y&z 'é' 1"  # noqa: S105  what the tests look for
MARK = "‹secret:TOKEN›"


def b64(text):
    """Encode a text."""
    return base64.b64encode(text.encode()).decode()


FOUND = {
    "as it is": TOKEN,
    "upper case": TOKEN.upper(),
    "lower case": TOKEN.lower(),
    "capitalised": TOKEN.title(),
    "in quotes": repr(TOKEN),
    "in a list": repr([TOKEN, '"']),
    "in JSON": json.dumps({"a": TOKEN}),
    "in JSON, as it is": json.dumps({"a": TOKEN}, ensure_ascii=False),
    "in JSON in JSON": json.dumps({"a": json.dumps({"b": TOKEN})}),
    "in the repr of JSON": repr(json.dumps([TOKEN])),
    "as bytes": repr(TOKEN.encode()),
    "in a path": quote(TOKEN),
    "in a query": quote(TOKEN, safe=""),
    "in a query, lower case": quote(TOKEN, safe="").lower(),
    "in a form": quote_plus(TOKEN),
    "in a form of several": urlencode({"a": 1, "key": TOKEN}),
    "quoted twice": quote(quote(TOKEN, safe=""), safe=""),
    "in HTML": html.escape(TOKEN),
    "in HTML text": html.escape(TOKEN, quote=False),
    "in XML": quoteattr(TOKEN),
    "in base64": b64(TOKEN),
    "in base64 without padding": b64(TOKEN).rstrip("="),
    "in base64 for URLs": base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    "in Basic": f"Basic {b64(f'user:{TOKEN}')}",
    "in Basic of another name": f"Basic {b64(f'admin:{TOKEN}')}",
    "in the middle of base64": b64(f"xy{TOKEN} and more"),
    "in base64 of JSON": b64(json.dumps({"token": TOKEN}, ensure_ascii=False)),
    "in hex": TOKEN.encode().hex(),
    "in upper case hex": TOKEN.encode().hex().upper(),
    "in hex with colons": TOKEN.encode().hex(":"),
    "its first half": f"{TOKEN[:11]}…",
    "most of it": f"{TOKEN[:17]}…",
    "most of it, upper case": f"{TOKEN[:15].upper()}…",
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_a_spelling_is_found(text):
    """The name stands in its place, and nothing of ten characters of it is left."""
    redactor = Redactor({TOKEN: "TOKEN"})
    shown = redactor.text(f"before {text} after")
    assert (MARK in shown, shown.startswith("before "), shown.endswith(" after")) == (True, True, True)
    assert not any(TOKEN[n : n + 10].lower() in shown.lower() for n in range(len(TOKEN) - 9))
    assert redactor.names(text) == {"TOKEN"}


NOT_FOUND = {
    "reversed": TOKEN[::-1],
    "spaced": " ".join(TOKEN),
    "encoded twice": b64(b64(TOKEN)),
    "a short part": TOKEN[:8],
    "its second half": TOKEN[-10:],
}


@pytest.mark.parametrize("text", NOT_FOUND.values(), ids=NOT_FOUND)
def test_what_is_not_found(text):
    """What the manual says is not found, so that nobody relies on it."""
    assert Redactor({TOKEN: "TOKEN"}).text(text) == text


class Pin(int):
    """A number that masks its text."""

    def __repr__(self):
        """Show nothing."""
        return "<pin>"

    __str__ = __repr__


class Share(float):
    """Another."""

    __repr__ = __str__ = __format__ = lambda *_: "***"


class Hidden(str):
    """A text that masks itself."""

    __slots__ = ()
    __repr__ = __str__ = lower = lambda _: "***"

    def __contains__(self, _):
        """Hide."""
        return False


class Account(Enum):
    """A secret in an enumeration."""

    MAIN = "12345678"


@dataclass
class Login:
    """A secret in a dataclass."""

    number: int
    since: date = date(2026, 1, 5)


VALUES = {
    "a whole number": ("12345678", 12345678),
    "one with zeros before it": ("0012345678", 12345678),
    "a key": ("12345678", {12345678: "x"}),
    "inside a list": ("12345678", [[12345678]]),
    "a float": ("1234.50", 1234.5),
    "a decimal": ("1234.50", Decimal("1234.50")),
    "a UUID": ("0fe5d5a0-5e5c-4a5d-9b1e-0f5d5a0fe5c4", UUID("0fe5d5a0-5e5c-4a5d-9b1e-0f5d5a0fe5c4")),
    "a UUID in hex": ("0fe5d5a05e5c4a5d9b1e0f5d5a0fe5c4", UUID("0fe5d5a0-5e5c-4a5d-9b1e-0f5d5a0fe5c4")),
    "bytes": ("t-1234567890", b"t-1234567890"),
    "a bytearray": ("t-1234567890", bytearray(b"x t-1234567890")),
    "a date": ("2026-01-05", date(2026, 1, 5)),
    "a date in an object": ("2026-01-05", Login(1)),
    "a dataclass": ("12345678", Login(12345678)),
    "an exception's argument": ("12345678", ValueError(12345678)),
    "a class's name": ("Secret12345", type("Secret12345", (), {})),
    "an object of that class": ("Secret12345", type("Secret12345", (), {})()),
    "a member of an enumeration": ("12345678", Account.MAIN),
    "a whole number that masks its text": ("12345678", Pin(12345678)),
    "a float that masks its text": ("1234.50", Share(1234.5)),
    "such a number as a key": ("12345678", {"pins": {Pin(12345678): 1}}),
    "a text that masks itself": ("t-1234567890", Hidden("t-1234567890")),
    "a complex number": ("12345678", complex(12345678, 1)),
    "a range": ("12345678", range(12345678)),
}


@pytest.mark.parametrize(("secret", "value"), VALUES.values(), ids=VALUES)
def test_a_value_that_is_no_text_shows_no_secret(secret, value):
    """Whatever shows the secret becomes text with its name."""
    copy, names = Redactor({secret: "KEY"}).copy(value)
    assert (names, "‹secret:KEY›" in repr(copy)) == ({"KEY"}, True)
    assert secret.lstrip("0") not in repr(copy)


@pytest.mark.parametrize("value", [12345679, 1.5, Decimal(7), date(2026, 1, 6), UUID(int=1), True, None, Account])
def test_other_values_stay(value):
    """A number that is no secret stays a number."""
    assert Redactor({"12345678": "KEY", "2026-01-05": "DAY"}).copy(value)[1] == frozenset()


@pytest.mark.parametrize("value", ["prod", "admin", "abc1234"])
def test_a_short_secret_is_found_as_it_is_written_only(value):
    """In capitals it is a word like any other."""
    redactor = Redactor({value: "KEY"})
    assert (redactor.text(value), redactor.text(value.upper())) == ("‹secret:KEY›", value.upper())


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        ({"abcdefgh": "A", "efghijkl": "B"}, "abcdefghijkl", "‹secret:A›‹secret:B›"),
        ({"abcdefgh": "A", "cdef": "B"}, "abcdefgh", "‹secret:A›"),
        ({"sk-live-12345678": "A", "sk-live-1234": "B"}, "sk-live-1234", "‹secret:B›"),
        ({"https://api.example.com/v1/long/path": "A"}, "https://api.example.com/v1/", "https://api.example.com/v1/"),
    ],
)
def test_secrets_that_overlap(secrets, text, shown):
    """Nothing of one is left beside another, and half an address is no secret."""
    assert Redactor(secrets).text(text) == shown


LEAKS = {
    "a raised error": ("raise ValueError(token)", "the error that the job raised", "main.py:6"),
    "an error's class": ("raise type(token, (Exception,), {})", "the error that the job raised", "main.py:6"),
    "a returned value": ("return {'token': token}", "what the job returned", "main.py:3"),
    "a returned number": ("return [1, int(ctx.secrets.get('PIN'))]", "what the job returned", "main.py:3"),
    "a returned error": (
        "return {'status': 'error', 'error': f'no {token}'}",
        "what the job returned",
        "main.py:3",
    ),
    "print": ("print(token)", "what the job printed", "main.py:6"),
    "print in two parts": ("print(token[:5], end=''); print(token[5:])", "what the job printed", "main.py:3"),
    "bytes to standard output": (
        "import sys; sys.stdout.buffer.write(token.encode())",
        "what the job printed",
        "main.py:6",
    ),
    "the stream of before": ("import sys; sys.__stdout__.write(token)", "what the job printed", "main.py:3"),
    "a descriptor": ("import os; os.write(1, token.encode())", "what the job printed", "main.py:3"),
    "a descriptor's error output": ("import os; os.write(2, token.encode())", "what the job printed", "main.py:3"),
    "another process": (
        "import subprocess; subprocess.run(['echo', token])",
        "what the job printed",
        "main.py:3",
    ),
    "standard output that is opened again": (
        "with open('/dev/stdout', 'w') as out: out.write(token)",
        "what the job printed",
        "main.py:3",
    ),
    "error output of a shell": (
        "import os; os.system('echo ' + token + ' > /dev/stderr')",
        "what the job printed",
        "main.py:3",
    ),
    "a descriptor's file": (
        "with open('/proc/self/fd/1', 'a') as out: out.write(token)",
        "what the job printed",
        "main.py:3",
    ),
    "a descriptor's file of a process": (
        "import subprocess; subprocess.run(['tee', '/dev/fd/2'], input=token.encode(), stdout=-3)",
        "what the job printed",
        "main.py:3",
    ),
    "a shell": ("import os; os.system('echo ' + token)", "what the job printed", "main.py:3"),
    "logging": ("import logging; logging.warning(token)", "what the job logged", "main.py:6"),
    "an uploaded file in UTF-16": (
        "ctx.files.upload('a', token.encode('utf-16'))",
        "the uploaded file 'a'",
        "main.py:6",
    ),
    "in UTF-16 without a mark": (
        "ctx.files.upload('a', token.encode('utf-16-be'))",
        "the uploaded file 'a'",
        "main.py:6",
    ),
    "in Latin-1": ("ctx.files.upload('a', b'\\xe9 ' + token.encode())", "the uploaded file 'a'", "main.py:6"),
    "a content type": (
        "ctx.files.upload('a', '', token)",
        "the content type of the uploaded file 'a'",
        "main.py:6",
    ),
    "an event that came before": (
        "ctx.emit('new', {'t': 'fresh-12345'}); ctx.secrets.set('FRESH', 'fresh-12345')",
        "the event 'new', sent before it was set",
        "main.py:3",
    ),
    "a number in an event": ("ctx.emit('pin', {'pin': int(ctx.secrets.get('PIN'))})", "the event 'pin'", "main.py:6"),
}


@pytest.mark.parametrize(("body", "where", "place"), LEAKS.values(), ids=LEAKS)
def test_each_leak_has_its_line_and_shows_nothing(tmp_path, capfd, body, where, place):
    """Wherever a job shows a secret, there is one fault, and neither the run nor the terminal has the value."""
    from sbh_jobkit import Plugin, run_job

    top = "from src.ext.sdk import job\n\n@job('work')\ndef work(ctx):\n    token = ctx.secrets.get('TOKEN')\n"
    (tmp_path / "main.py").write_text(f"{top}    {body}\n")
    world = World()
    world.secrets.update({"TOKEN": "t-1234567890", "PIN": "87654321"})
    run = run_job(Plugin.load(tmp_path / "main.py").jobs["work"], world, at="2026-01-05T09:00")
    (fault,) = run.faults
    message = fault.message.partition(" is in ")[2]
    assert (fault.kind, message, fault.place) == ("secret-leaked", where, place)
    for value in ("t-1234567890", "87654321", "fresh-12345"):
        assert value not in f"{run.to_dict()} {run!r} {[*world.events]}"
    assert capfd.readouterr() == ("", "")


def test_a_value_at_the_end_of_what_is_kept(tmp_path):
    """A secret that the limit of output cuts in two is not half shown."""
    from sbh_jobkit import Plugin, run_job

    (tmp_path / "main.py").write_text(
        "from src.ext.sdk import job\n\n@job('work')\ndef work(ctx):\n"
        "    print('x' * (1_000_000 - 9) + ctx.secrets.get('TOKEN'))\n"
    )
    world = World()
    world.secrets["TOKEN"] = "t-1234567890"  # noqa: S105  what the test looks for
    run = run_job(Plugin.load(tmp_path / "main.py").jobs["work"], world)
    assert run.stdout == "x" * (1_000_000 - 9) + "\n… cut after 1,000,000 characters\n"


def test_streams_are_given_back():
    """After all that, output goes where it went."""
    assert (sys.stdout.writable(), os.fstat(1).st_mode > 0, logging.getLogger().handlers is not None) == (True,) * 3
