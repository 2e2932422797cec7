"""Which calls reach the network, as Python's audit events name them, and which modules reach it unheard."""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = frozenset(
    {
        *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
        *("socket.getnameinfo", "socket.sendto", "socket.sendmsg"),
    }
)
UNHEARD = {
    "_mysql_connector": "MySQL's C library",
    "aerospike": "Aerospike's C client",
    "confluent_kafka": "librdkafka",
    "connectorx": "database clients in Rust",
    "couchbase": "Couchbase's C++ client",
    "curl_cffi": "libcurl",
    "cx_Oracle": "Oracle's C client",
    "grpc": "gRPC's C core",
    "ibm_db": "Db2's C client",
    "ldap": "libldap",
    "MySQLdb": "MySQL's C library",
    "oracledb.thick_impl": "Oracle's C client",
    "psycopg": "libpq",
    "psycopg2": "libpq",
    "pycurl": "libcurl",
    "pygit2": "libgit2",
    "pylibmc": "libmemcached",
    "pymssql": "FreeTDS",
    "pyodbc": "ODBC drivers",
    "uvloop": "libuv",
    "zmq": "libzmq",
}
"""Modules that reach the network by a C library, past Python's sockets, and that library."""
loaded: dict[Path, dict[str, str | None]] = {}
"""The listed modules that the code in a folder has loaded, and the line that did."""
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def address(event: str, arguments: tuple[Any, ...]) -> tuple[str | None, str]:
    """Return the host and how to show it, with its port; None as the host of what is not of the network.

    The host of a socket in the file system is its path.
    """
    if event in _LOOK_UPS:
        host, port = arguments[0], arguments[1] if event == "socket.getaddrinfo" else None
    elif event == "socket.getnameinfo":
        host, port = arguments[0][0], None
    else:
        to = arguments[1]
        if isinstance(to, (str, bytes)) and to:
            path = os.fsdecode(to).replace("\0", "@")
            return path, path
        if not isinstance(to, tuple) or not isinstance(to[0], (str, bytes)):
            return None, ""
        host, port = to[0], to[1]
    shown = host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host or "localhost")
    return shown, f"{shown}:{port}" if port else shown


def is_own_name(event: str, host: str) -> bool:
    """Whether it is a look-up of this machine's own name, as Python's mail modules make it."""
    return event in _LOOK_UPS and host in {os.uname().nodename, "localhost"} and event == "socket.gethostbyaddr"


def is_loopback(host: str) -> bool:
    """Whether a host, or the path of a socket, is on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith(("/", "@"))


def unheard(module: str, more: frozenset[str]) -> str | None:
    """Return the listed module that an imported one is, or is in; `more` are modules of the user's own list."""
    for listed in (*UNHEARD, *more):
        if f"{module}.".startswith(f"{listed}."):
            return listed
    return None
