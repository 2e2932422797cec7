"""A simulated job reaches no real network, whichever client it uses, and writes no real files unnoticed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sbh_jobkit import Plugin, World, run_job

CLIENTS = {
    "a bare socket": ("import socket\nsocket.create_connection((HOST, PORT), timeout=2).close()", "{host}:{port}"),
    "a datagram": (
        "import socket\nwith socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end: end.sendto(b'x', (HOST, PORT))",
        "{host}:{port}",
    ),
    "urllib": (
        "from urllib.request import urlopen\nurlopen(f'http://{HOST}:{PORT}/', timeout=2).close()",
        "{host}:{port}",
    ),
    "http.client": (
        "from http.client import HTTPConnection\nHTTPConnection(HOST, PORT, timeout=2).connect()",
        "{host}:{port}",
    ),
    "httpx": ("import httpx\nhttpx.get(f'http://{HOST}:{PORT}/', timeout=2)", "{host}:{port}"),
    "asyncio": (
        "import asyncio\nasync def ask(): await asyncio.open_connection(HOST, PORT)\nasyncio.run(ask())",
        "{host}:{port}",
    ),
    "a thread of the job": (
        (
            "import socket, threading\n"
            "def ask():\n    try: socket.create_connection((HOST, PORT), timeout=2)\n    except OSError: pass\n"
            "thread = threading.Thread(target=ask)\nthread.start()\nthread.join()"
        ),
        "{host}:{port}",
    ),
    "a name look-up": ("import socket\nsocket.gethostbyname('example.com')", "example.com"),
}


class Answer(BaseHTTPRequestHandler):
    """Answers everything, and counts."""

    asked = 0

    def do_GET(self):
        """Answer."""
        type(self).asked += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        """Stay quiet."""


@pytest.fixture
def server():
    """Serve on a port of this machine."""
    Answer.asked = 0
    serving = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield serving.server_address
    serving.shutdown()
    thread.join()
    serving.server_close()


def job_of(tmp_path, body, host="127.0.0.1", port=9):
    """Write a plugin whose job swallows every mistake, as jobs do."""
    lines = body.replace("\n", "\n        ")
    (tmp_path / "main.py").write_text(
        f"from src.ext.sdk import job\nHOST, PORT = {host!r}, {port}\n\n"
        f"@job('reach')\ndef reach(ctx):\n    try:\n        {lines}\n    except Exception as error:\n"
        "        return {'status': 'success', 'swallowed': str(error)}\n"
    )
    return Plugin.load(tmp_path / "main.py").jobs["reach"]


@pytest.mark.parametrize(("body", "where"), CLIENTS.values(), ids=CLIENTS)
def test_the_network_is_refused(tmp_path, server, body, where):
    """Whatever client a job brings, it reaches nobody, and the run has a fault at the plugin's line."""
    host, port = server
    run = run_job(job_of(tmp_path, body, host, port), at="2026-01-05T09:00")
    fault = run.faults[0]
    assert Answer.asked == 0
    assert not run.ok
    assert (fault.kind, fault.message) == (
        "network",
        f"the job tried to reach the real network: {where.format(host=host, port=port)}",
    )
    assert fault.place.startswith("main.py:")


def test_servers_of_this_machine_can_be_allowed(tmp_path, server):
    """`World(loopback=True)` lets a job ask a server that the test has started, and nobody else."""
    body, _ = CLIENTS["urllib"]
    run = run_job(job_of(tmp_path, body, *server), World(loopback=True), at="2026-01-05T09:00")
    assert (run.ok, run.faults, Answer.asked) == (True, (), 1)
    elsewhere = job_of(tmp_path, "import socket\nsocket.getaddrinfo('example.com', 80)")
    run = run_job(elsewhere, World(loopback=True), at="2026-01-05T09:00")
    assert [fault.kind for fault in run.faults] == ["network"]


def test_others_reach_whom_they_like(tmp_path, server):
    """After a run, and in threads that are not the job's, the network is as it was."""
    run_job(job_of(tmp_path, "pass"), at="2026-01-05T09:00")
    socket.create_connection(server, timeout=2).close()


def test_a_pair_of_sockets_is_no_network(tmp_path):
    """What event loops and process pools use within the machine is left alone."""
    run = run_job(job_of(tmp_path, "import socket\nfor end in socket.socketpair(): end.close()"), at="2026-01-05T09:00")
    assert run.ok


@pytest.mark.parametrize(
    "write",
    [
        "open(PATH, 'w').close()",
        "import os; os.close(os.open(PATH, os.O_CREAT | os.O_WRONLY))",
        "open(PATH, 'ab').close()",
    ],
)
def test_a_real_file_is_noted(tmp_path, monkeypatch, write):
    """A file written outside the temporary directory is written, and a fault."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    path = tmp_path / "real.txt"
    run = run_job(job_of(tmp_path, f"PATH = {str(path)!r}\n{write}"), at="2026-01-05T09:00")
    assert path.exists()
    assert [(fault.kind, fault.message) for fault in run.faults] == [
        ("real-file", f"the job wrote a real file: {path}")
    ]


@pytest.mark.parametrize(
    "use",
    [
        "import tempfile\nwith tempfile.TemporaryFile() as file: file.write(b'x')",
        "open(__file__).close()",
        "open('/dev/null', 'w').close()",
        "import sqlite3\nbase = sqlite3.connect(':memory:')\nbase.execute('create table t (x)')\nbase.close()",
    ],
)
def test_harmless_files_are_not(tmp_path, use):
    """Temporary files, reading, and what is no file at all are no faults."""
    run = run_job(job_of(tmp_path, use), at="2026-01-05T09:00")
    assert (run.ok, run.faults) == (True, ())


def test_it_can_be_allowed(tmp_path):
    """A kind that the world allows does not fail the run; the network is refused all the same."""
    run = run_job(job_of(tmp_path, CLIENTS["httpx"][0]), World(allow=["network"]), at="2026-01-05T09:00")
    assert run.ok
    assert [(fault.kind, fault.allowed) for fault in run.faults] == [("network", True)]


FRESH = """
from sbh_jobkit import World, run_job
from src.ext.sdk import job

@job("write")
def write(ctx):
    import tempfile
    open({path!r}, "w").close()
    tempfile.NamedTemporaryFile().close()

run = run_job(write, World(time_limit=2))
print(run.verdict, [fault.kind for fault in run.faults])
"""


def test_in_a_process_that_has_never_asked_for_the_temporary_folder(tmp_path):
    """Python writes a file when it first looks for the temporary folder; the guard must not look for it again then."""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    code = FRESH.format(path=str(tmp_path / "real.txt"))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("faulty ['real-file']\n", "")


def test_a_database_in_a_file_is_a_file(tmp_path, monkeypatch):
    """Sqlite writes past Python's own files; it is noted all the same."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    path = tmp_path / "real.db"
    body = f"import sqlite3\nbase = sqlite3.connect({str(path)!r})\nbase.close()"
    run = run_job(job_of(tmp_path, body), at="2026-01-05T09:00")
    assert [fault.message for fault in run.faults] == [f"the job wrote a real file: {path}"]


def test_a_coroutine_may_wait_for_a_server_of_this_machine(tmp_path, server):
    """A real answer is waited for in real time: no virtual time-out overtakes it."""
    body = (
        "import asyncio\n"
        "async def ask():\n"
        "    reader, writer = await asyncio.open_connection(HOST, PORT)\n"
        "    writer.write(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
        "    answer = await asyncio.wait_for(reader.read(), 5)\n"
        "    writer.close()\n"
        "    return answer.split()[1].decode()\n"
        "return asyncio.run(ask())"
    )
    run = run_job(job_of(tmp_path, body, *server), World(loopback=True), at="2026-01-05T09:00")
    assert (run.value, run.ok) == ("200", True)
