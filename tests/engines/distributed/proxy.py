"""A way to PostgreSQL by a port of this machine, which a test can cut."""

import selectors
import socket
import threading
from contextlib import suppress


class Proxy:
    """Passes on what comes to a port of this machine, to a socket, until it is cut."""

    def __init__(self, path):
        """Listen."""
        self.path, self.is_cut = path, False
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listening, selectors.EVENT_READ)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    @classmethod
    def to(cls, url):
        """Make one in front of a database whose URL names the folder of a socket."""
        return cls(f"{url.rpartition('host=')[2]}/.s.PGSQL.5432")

    def url(self, url):
        """Return the URL of the same database by this way."""
        return url.replace("@/", f"@127.0.0.1:{self.port}/").partition("?")[0]

    def run(self):
        """Pass on until it is closed."""
        while not self.stopped.is_set():
            for key, _ in self.selector.select(0.1):
                if self.is_cut:
                    self.stopped.wait(0.05)
                elif key.fileobj is self.listening:
                    self.connect()
                elif key.fileobj.fileno() != -1:  # closed with its other half, a moment ago
                    self.pass_on(key.fileobj, key.data)

    def connect(self):
        """Take a connection, and make the other half of it."""
        here, _ = self.listening.accept()
        there = socket.socket(socket.AF_UNIX)
        there.connect(self.path)
        self.selector.register(here, selectors.EVENT_READ, there)
        self.selector.register(there, selectors.EVENT_READ, here)

    def pass_on(self, one, other):
        """Pass on what one side has sent; where it has closed, close both."""
        data = b""
        with suppress(ConnectionError):
            data = one.recv(1 << 16)
            other.sendall(data)
        if not data:
            for each in (one, other):
                self.selector.unregister(each)
                each.close()

    def close(self):
        """Close everything."""
        self.stopped.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
