"""A server on loopback that answers as a test says."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx2
import pytest


class _Handler(BaseHTTPRequestHandler):
    """Gives each request to the test's function."""

    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = SimpleNamespace(method=self.command, path=self.path, headers=dict(self.headers.items()), body=body)
        self.server.asked.append(asked)
        status, headers, content = self.server.respond(asked)
        if status is None:  # the connection breaks
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  the names that the library calls

    def log_message(self, *_):
        """Stay quiet."""


class _Server(ThreadingHTTPServer):
    """Ends with its test, whatever its clients have broken off."""

    daemon_threads = True

    def handle_error(self, *_):
        """Stay quiet."""


class Loopback(httpx2.BaseTransport):
    """Leads requests for any host to one server of this machine, which learns the host from its header."""

    def __init__(self, address):
        """Lead to that address."""
        self.address = address
        self.inner = httpx2.HTTPTransport()

    def handle_request(self, request):
        """Send there."""
        host, port = self.address
        url = request.url.copy_with(scheme="http", host=host, port=port)
        led = httpx2.Request(
            request.method, url, headers=request.headers.raw, stream=request.stream, extensions=request.extensions
        )
        return self.inner.handle_request(led)

    def close(self):
        """Close the connections."""
        self.inner.close()


@pytest.fixture
def server():
    """Start a server; set its `respond`, a function from what was asked to (status, headers, content)."""
    running = _Server(("127.0.0.1", 0), _Handler)
    running.asked, running.respond = [], lambda _: (200, [], b"ok")
    running.transport = Loopback(running.server_address)
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    running.transport.close()
    running.shutdown()
    running.server_close()
    thread.join()
