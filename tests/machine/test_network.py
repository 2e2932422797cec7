"""The network past `ctx.http`: what is refused, what is allowed, and what reaches it unheard and is reported."""

from __future__ import annotations

import errno
import socket
import sys
from types import ModuleType

import pytest

from sbh_jobkit import World
from sbh_jobkit.errors import WorldError

REFUSED = {
    "getaddrinfo": ("socket.getaddrinfo('example.com', 443)", "example.com:443"),
    "gethostbyname": ("socket.gethostbyname('example.com')", "example.com"),
    "gethostbyname_ex": ("socket.gethostbyname_ex('example.com')", "example.com"),
    "gethostbyaddr": ("socket.gethostbyaddr('192.0.2.7')", "192.0.2.7"),
    "getnameinfo": ("socket.getnameinfo(('192.0.2.7', 80), 0)", "192.0.2.7"),
    "getfqdn": ("socket.getfqdn('192.0.2.7')", "192.0.2.7"),
    "connect": ("socket.socket().connect(('192.0.2.7', 80))", "192.0.2.7:80"),
    "connect_ex": ("socket.socket().connect_ex(('192.0.2.7', 80))", "192.0.2.7:80"),
    "create_connection": ("socket.create_connection(('192.0.2.7', 80), 1)", "192.0.2.7:80"),
    "IPv6": ("socket.socket(socket.AF_INET6).connect(('2001:db8::7', 80))", "2001:db8::7:80"),
    "sendto": ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.7', 53))", "192.0.2.7:53"),
    "sendmsg": ("socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.7', 53))", "192.0.2.7:53"),
    "a socket in the file system": (
        "socket.socket(socket.AF_UNIX).connect('/run/postgresql/.s.PGSQL.5432')",
        "/run/postgresql/.s.PGSQL.5432",
    ),
    "an abstract socket": ("socket.socket(socket.AF_UNIX).connect('\\0bus')", "@bus"),
    "a mail server": ("__import__('smtplib').SMTP('192.0.2.7', 25, timeout=1)", "192.0.2.7:25"),
    "the log of the system": ("__import__('syslog').syslog('hello')", "/dev/log"),
    "the log of the system, opened": ("__import__('syslog').openlog('shop')", "/dev/log"),
    "the log of the system, by logging": (
        "__import__('logging.handlers').handlers.SysLogHandler('/dev/log')",
        "/dev/log",
    ),
    "an address without a name": ("socket.socket().connect(('', 80))", "localhost:80"),
    "the kernel": ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "AF_NETLINK"),
    "frames": ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "AF_PACKET"),
    "another virtual machine": ("socket.socket(socket.AF_VSOCK).connect((2, 80))", "AF_VSOCK"),
    "a family without a name": ("__import__('_socket').socket(43)", "the family 43"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("call", "where"), REFUSED.values(), ids=REFUSED)
def test_the_network_is_refused(ran, call, where):
    """Whatever reaches out is refused, and is a fault although the job swallows the error."""
    run = ran(f"import socket\ntry: {call}\nexcept OSError as error: return type(error).__name__")
    (fault,) = {fault.message: fault for fault in run.faults}.values()
    assert (fault.kind, fault.message) == ("network", f"the job tried to reach the real network: {where}")
    assert run.value in {"RealNetworkError", None}


LISTENING = {
    "every address": ("socket.create_server(('', 0))", "0.0.0.0:0"),
    "in numbers": ("socket.create_server(('0.0.0.0', 8080))", "0.0.0.0:8080"),
    "in bytes": ("socket.socket().bind((b'', 0))", "0.0.0.0:0"),
    "IPv6": ("socket.socket(socket.AF_INET6).bind(('::', 0))", ":::0"),
    "an address of this machine": ("socket.socket().bind(('192.0.2.7', 80))", "192.0.2.7:80"),
    "datagrams": ("socket.socket(type=socket.SOCK_DGRAM).bind(('', 5353))", "0.0.0.0:5353"),
    "HTTP": ("__import__('http.server').server.HTTPServer(('', 0), None)", "0.0.0.0:0"),
    "asyncio": (
        "import asyncio; asyncio.run(asyncio.start_server(print, '0.0.0.0', 8080))",
        "0.0.0.0:8080",
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("loopback", [False, True])
@pytest.mark.parametrize(("call", "where"), LISTENING.values(), ids=LISTENING)
def test_nobody_else_reaches_a_job(ran, call, where, loopback):
    """A socket that other machines could reach is refused, with an error that servers can read."""
    body = f"import socket\ntry: {call}\nexcept OSError as error: return error.errno"
    run = ran(body, World(loopback=loopback))
    (fault,) = {fault.message: fault for fault in run.faults}.values()
    assert (fault.kind, fault.message) == ("network", f"the job tried to listen on the real network: {where}")
    assert fault.advice == "nothing calls a job; a server of its own, for a test, listens at 127.0.0.1"
    assert run.value == errno.EACCES


ALLOWED = {
    "a pair": "for end in socket.socketpair(): end.close()",
    "a server of its own": "with socket.socket() as end: end.bind(('127.0.0.1', 0)); end.listen()",
    "a server by name": "socket.create_server(('localhost', 0)).close()",
    "a server of IPv6": "socket.create_server(('::1', 0), family=socket.AF_INET6).close()",
    "datagrams of its own": "with socket.socket(type=socket.SOCK_DGRAM) as end: end.bind(('127.0.0.2', 0))",
    "an abstract socket": "with socket.socket(socket.AF_UNIX) as end: end.bind('\\0sbh-test'); end.listen()",
    "asyncio": "import asyncio; asyncio.run(asyncio.sleep(1))",
    "its own name": "socket.gethostname(); socket.getfqdn()",
    "a message's id": "from email.utils import make_msgid; make_msgid()",
    "a socket in the temporary folder": (
        "import tempfile\n"
        "with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as end:\n"
        "    end.bind(folder + '/s'); end.listen()\n"
        "    with socket.socket(socket.AF_UNIX) as other: other.connect(folder + '/s')"
    ),
    "numbers": "socket.inet_aton('192.0.2.7'); socket.getservbyname('http')",
}


@pytest.mark.parametrize("body", ALLOWED.values(), ids=ALLOWED)
def test_what_stays_within_the_process_is_allowed(ran, body):
    """Pairs, servers, this machine's own name, and sockets in the temporary folder."""
    run = ran(f"import socket\n{body}")
    assert (run.error, run.faults) == (None, ())


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("to", ["('127.0.0.1', 1)", "('::1', 1)", "'/nowhere/s'", "('localhost', 1)"])
def test_loopback_allows_this_machine(ran, to):
    """With `loopback=True` there is no fault; that nobody answers is the job's own matter."""
    family = "AF_UNIX" if "nowhere" in to else "AF_INET6" if "::" in to else "AF_INET"
    run = ran(
        f"import socket\ntry: socket.socket(socket.{family}).connect({to})\nexcept OSError: return 'nobody'",
        World(loopback=True),
    )
    assert (run.value, run.faults) == ("nobody", ())


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a module on the path as if it were a database's or a transfer library's."""

    def install(name):
        folder = tmp_path / "site"
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
        monkeypatch.syspath_prepend(str(folder))

    before = set(sys.modules)
    yield install
    for name in set(sys.modules) - before:
        if isinstance(sys.modules[name], ModuleType) and name.partition(".")[0] in {
            "psycopg2",
            "pycurl",
            "uvloop",
            "zmq",
        }:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "library"), [("psycopg2", "libpq"), ("pycurl", "libcurl"), ("uvloop", "libuv"), ("zmq", "libzmq")]
)
@pytest.mark.parametrize("where", ["body", "top"])
def test_a_module_that_reaches_the_network_unheard_is_told(ran, installed, name, library, where):
    """Where nothing can refuse, the run says so, also when the module is loaded with the plugin."""
    installed(name)
    run = ran(f"import {name}" if where == "body" else "pass", top=f"import {name}" if where == "top" else "")
    (fault,) = run.faults
    assert (fault.kind, fault.message, fault.place) == (
        "network",
        f"the job loads {name}, which reaches the real network by {library}, where nothing refuses it",
        "main.py:5" if where == "body" else "main.py:2",
    )


def test_it_is_told_in_every_run(loaded, installed):
    """A module that is loaded once is used as often as the job runs."""
    installed("zmq")
    from sbh_jobkit import simulate

    runs = simulate(loaded("import zmq"), World(), duration="3d").runs
    assert [[fault.kind for fault in run.faults] for run in runs] == [["network"]] * 3


def test_the_process_is_as_before(ran):
    """After a run the network is everybody's."""
    ran("pass")
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


OWN = {
    "a package": (["fastdb"], "import fastdb", "fastdb"),
    "a text alone": ("fastdb", "from fastdb import connect", "fastdb"),
    "a submodule of it": (["fastdb"], "import fastdb.native", "fastdb"),
    "one module": (["fastdb.native"], "import fastdb.native as f", "fastdb.native"),
    "one module, taken from its package": (["fastdb.native"], "from fastdb import native", "fastdb.native"),
    "through another library": (["fastdb.native"], "import orm", "fastdb.native"),
    "several": ({"slowdb", "fastdb"}, "import fastdb, json", "fastdb"),
}


@pytest.fixture
def libraries(tmp_path_factory, monkeypatch):
    """Install two libraries, one of which uses the other."""
    files = {"fastdb/__init__.py": "connect = 1", "fastdb/native.py": "", "orm.py": "import fastdb.native"}
    site = tmp_path_factory.mktemp("site")
    for name, text in files.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in ("fastdb", "fastdb.native", "orm"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("names", "statement", "listed"), OWN.values(), ids=OWN)
@pytest.mark.parametrize("where", ["body", "top"])
def test_a_world_lists_more_modules(loaded, names, statement, listed, where):
    """Those of `world.network_modules` count as the kit's own do, in each run."""
    plugin = loaded(statement if where == "body" else "pass", top=statement if where == "top" else "")
    world = World()
    world.network_modules = names
    from sbh_jobkit import simulate

    runs = simulate(plugin, world, duration="2d").runs
    message = f"the job loads {listed}, which reaches the real network by code of its own, where nothing refuses it"
    place = "main.py:5" if where == "body" else "main.py:2"
    assert [[(fault.message, fault.place) for fault in run.faults] for run in runs] == [[(message, place)]] * 2
    assert simulate(plugin, World(), duration="1d").failures == []


NEAR = {
    "another with the same beginning": (["fast"], "import fastdb"),
    "only a submodule is listed": (["fastdb.native"], "import fastdb"),
    "a name, not a module": (["connect"], "from fastdb import connect"),
}


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("names", "statement"), NEAR.values(), ids=NEAR)
def test_other_modules_are_not_meant(ran, names, statement):
    """Names are compared part by part."""
    world = World()
    world.network_modules = names
    assert ran(statement, world).faults == ()


def test_the_list_stays_in_snapshots():
    """A world that is made of a snapshot lists the same."""
    world = World()
    world.network_modules = {"b.c", "a"}
    assert world.snapshot().world().network_modules == ["a", "b.c"]


@pytest.mark.parametrize("names", [["a b"], [""], ["a."], [1], 5, ["a-b"], [None]])
def test_a_name_that_is_none_is_an_error(names):
    """The message says what it takes."""
    with pytest.raises(WorldError) as raised:
        World().network_modules = names
    wrong = names[0] if isinstance(names, list) else names
    assert str(raised.value) == (
        f"network_modules takes names of modules, such as ['fastdb', 'vendor.native'], got {wrong!r}"
    )
