"""Which permissions and secrets code needs, from the way it uses its context."""

from __future__ import annotations

import ast

import pytest

from sbh_jobkit import FakeContext
from sbh_jobkit.check.context import MEMBERS, find_uses
from sbh_jobkit.check.decorators import decorators
from sbh_jobkit.errors import PermissionDenied

ALL = "db.read db.write emit_webhook files.read files.write llm.use outbound_http send_email"

BODIES = {
    # the body of a job: (permissions, secrets, what is passed to other code)
    "return 1": ("", "", ""),
    "ctx.db.query('x'); ctx.db.count('x')": ("db.read", "", ""),
    "ctx.http.post('u', json={'n': ctx.db.count('x')})": ("db.read outbound_http", "", ""),
    "ctx.files.list(); ctx.files.get('k'); ctx.files.get_presigned_url('k')": ("files.read", "", ""),
    "ctx.files.upload('k', 'v')": ("files.write", "", ""),
    "ctx.files.delete('k')": ("files.write", "", ""),
    "ctx.llm.run('p')": ("llm.use", "", ""),
    "ctx.emit('e', {})": ("emit_webhook", "", ""),
    "ctx.check_memory_usage(); return ctx.tenant_id, ctx.user_id": ("", "", ""),
    "ctx.secrets.get('A', 'd'); ctx.secrets.has('B'); ctx.secrets.get('A'); ctx.secrets.get(NAME)": ("", "A B", ""),
    "db = ctx.db; query = db.query; return query('x')": ("db.read", "", ""),
    "db, http = ctx.db, ctx.http\n    http.get('u')": ("outbound_http", "", ""),
    "if (db := ctx.db): db.count('x')": ("db.read", "", ""),
    "db: Any = ctx.db; db.count('x')": ("db.read", "", ""),
    "getattr(ctx, 'db').query('x')": ("db.read", "", ""),
    "getattr(ctx, name).query('x')": (ALL, "", "ctx"),
    "print(ctx, f'{ctx}', ctx is None); return not ctx": ("", "", ""),
    "if ctx and ctx.user_id: pass": ("", "", ""),
    "return [ctx.http.get(url) for url in urls]": ("outbound_http", "", ""),
    "return map(ctx.http.get, urls)": ("outbound_http", "", ""),
    "return lambda: ctx.emit('e', {})": ("emit_webhook", "", ""),
    "return lambda ctx: ctx.emit('e', {})": ("", "", ""),
    "def inner(): return ctx.files.list()\n    return inner()": ("files.read", "", ""),
    "def inner(c): return c.files.list()\n    return inner(ctx)": ("files.read", "", ""),
    "return a(ctx)": ("", "", ""),
    "return b(1, c=ctx)\ndef b(a, *, c): c.emit('e', {})": ("emit_webhook", "", ""),
    "return b(ctx.files)\ndef b(files): files.upload('k', 'v')": ("files.write", "", ""),
    "return b(ctx)\ndef b(*all): pass": (ALL, "", "ctx"),
    "return await_(b(ctx))\nasync def b(c): return await c.llm.run('p')": ("llm.use", "", ""),
    "return b(ctx)\ndef b(c): return d(c)\ndef d(c): return b(c) or c.llm.run('p')": ("llm.use", "", ""),
    "return elsewhere(ctx)": (ALL, "", "ctx"),
    "return elsewhere(*ctx)": (ALL, "", "ctx"),
    "self.ctx = ctx": (ALL, "", "ctx"),
    "return {'ctx': ctx}": (ALL, "", "ctx"),
    "ctx = elsewhere(ctx)": (ALL, "", "ctx"),
    "elsewhere(ctx.files)": ("files.read files.write", "", "ctx.files"),
    "elsewhere(ctx.db)": ("db.read", "", ""),
    "elsewhere(ctx.secrets, ctx.tenant_id)": ("", "", ""),
    "elsewhere(ctx.files.upload)": ("files.write", "", ""),
    "mail = ctx.email; mail.send('x')": ("db.write send_email", "", "ctx.email.send"),
    "ctx.mine = 1; del ctx.mine": ("", "", ""),
}


def used(text, **siblings):
    """Return the uses of the context in a plugin's modules."""
    files = {"main": text, **siblings}
    return find_uses({name: (f"{name}.py", ast.parse(text)) for name, text in files.items()})


@pytest.mark.parametrize(("body", "expected"), BODIES.items(), ids=BODIES)
def test_uses(body, expected):
    """The context is followed through names and functions; in other code, every possible permission counts."""
    found = used(f"@job('a')\ndef a(ctx):\n    {body}")
    escapes = " ".join(place.what for place in found.escapes)
    assert (" ".join(sorted(found.permissions)), " ".join(found.secrets), escapes) == expected


def test_places():
    """Each permission has the first place that needs it."""
    found = used(
        "import helper\n@job('a')\ndef a(context):\n    helper.send(context)\n", helper="\ndef send(c): c.emit()"
    )
    assert [(place.file, place.line, place.what) for place in found.permissions.values()] == [
        ("helper.py", 2, "ctx.emit")
    ]


SIBLINGS = {
    "imported by name": "from helper import send\n@job('a')\ndef a(ctx): send(ctx)",
    "under another name": "from helper import send as s\n@job('a')\ndef a(ctx): s(ctx)",
    "as a module": "import helper as h\n@job('a')\ndef a(ctx): h.send(ctx)",
    "a job of its own": "from helper import report",
    "a hook that takes ctx last": "@hook('x')\ndef on(data, ctx): ctx.emit('e', {})",
}


@pytest.mark.parametrize("text", SIBLINGS.values(), ids=SIBLINGS)
def test_siblings(text):
    """Functions of the plugin's other modules are followed too."""
    helper = "def send(c): c.emit('e', {})\n@job('r')\ndef report(ctx): send(ctx)"
    assert [*used(text, helper=helper).permissions] == ["emit_webhook"]


def test_only_decorated_functions_get_a_context():
    """A function without a decorator or without parameters does not get the context."""
    assert used("def a(ctx): ctx.emit('e', {})\n@job('b')\ndef b(): pass").permissions == {}


def test_decorators():
    """Only the platform's decorators count, with any kind of import."""
    function = ast.parse("@sdk.job('a')\n@route('/b')\n@retry(3)\n@plain\ndef f(ctx): pass").body[0]
    assert [name for name, _ in decorators(function)] == ["job", "route"]


METHODS = [(member, method) for member, methods in MEMBERS.items() for method in methods]
CALLS = {
    "db": ["query('t')", "get_by_id('t', 1)", "count('t')"],
    "http": ["get('u')", "post('u')", "put('u')", "delete('u')"],
    "llm": ["run('p')"],
    "files": ["list()", "get('k')", "get_presigned_url('k')", "upload('k', 'v')", "delete('k')"],
    "emit": ["('e', {})"],
}


@pytest.mark.parametrize("call", [(member, call) for member, calls in CALLS.items() for call in calls], ids=str)
def test_permissions_are_those_that_the_fakes_require(call):
    """A call without permissions raises an error that names the permission of the table."""
    member, method = call
    dot = "" if method.startswith("(") else "."
    with pytest.raises(PermissionDenied) as caught:
        eval(f"ctx.{member}{dot}{method}", {"ctx": FakeContext("acme", permissions=frozenset())})  # noqa: S307  a line of the table
    needed = MEMBERS[member].get("") or MEMBERS[member][method.partition("(")[0]]
    assert f"needs the permission {needed!r}," in str(caught.value)


def test_the_table_of_calls_is_complete():
    """Every member and method that needs a permission is in the table."""
    tried = {
        (member, "" if "" in MEMBERS[member] else call.partition("(")[0]) for member in CALLS for call in CALLS[member]
    }
    assert tried == {*METHODS}
