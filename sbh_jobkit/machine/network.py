"""Which calls reach the network, as Python's audit events name them, and which modules reach it unheard."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = frozenset(
    {
        *(
            "socket.__new__",
            "socket.bind",
            "socket.connect",
            "socket.getaddrinfo",
            "socket.gethostbyname",
            "socket.gethostbyaddr",
        ),
        *("socket.getnameinfo", "socket.sendto", "socket.sendmsg", "syslog.openlog", "syslog.syslog"),
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
_loaded: dict[Path, dict[str, str | None]] = {}
"""The modules of others that the code in a folder has loaded, and the line that did."""
_found: dict[tuple[Path, frozenset[str]], tuple[int, list[tuple[str, str | None]]]] = {}
"""Which of them are listed, and how many they were when somebody looked."""
_NOT_NETWORK = {*sys.stdlib_module_names, "src", "sbh_jobkit", "sbh_plugins"}
"""Packages without modules that reach the network past Python's sockets."""
_SYSLOG = "/dev/log"
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  it is refused
_FAMILIES = {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, getattr(socket, "AF_ALG", socket.AF_UNIX), -1}
"""The families of sockets whose addresses are looked at, and those that reach nobody; -1 is Python's default."""
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def address(event: str, arguments: tuple[Any, ...]) -> tuple[str | None, str]:
    """Return the host and how to show it, with its port; None as the host of what is not of the network.

    The host of a socket in the file system is its path.
    """
    if event.startswith("syslog."):  # which the C library sends, without a socket of Python
        return _SYSLOG, _SYSLOG
    if event == "socket.__new__":
        return _of_family(arguments[1])
    if event == "socket.bind":
        return _bound(arguments[1])
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


def _of_family(family: int) -> tuple[str | None, str]:
    """Return a family of sockets that reaches what nobody looks at: the kernel, a radio, other virtual machines."""
    if family in _FAMILIES:
        return None, ""
    try:
        name = socket.AddressFamily(family).name
    except ValueError:
        name = f"the family {family}"
    return name, name


def _bound(to: Any) -> tuple[str | None, str]:
    """Return the address at which a socket can be reached from other machines; a path is a file, which is looked at."""
    if not isinstance(to, tuple) or not isinstance(to[0], (str, bytes)) or len(to) < 2:  # noqa: PLR2004  host and port
        return None, ""
    host = os.fsdecode(to[0]) or _EVERY_ADDRESS
    return (None, "") if is_loopback(host) else (host, f"{host}:{to[1]}")


def is_own_name(event: str, host: str) -> bool:
    """Whether it is a look-up of this machine's own name, as Python's mail modules make it."""
    return event in _LOOK_UPS and host in {os.uname().nodename, "localhost"} and event == "socket.gethostbyaddr"


def is_loopback(host: str) -> bool:
    """Whether a host, or the path of a socket, is on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith(("/", "@"))


def note(module: str, root: Path | None, place: str | None) -> None:
    """Note a module that the code in a folder has loaded; its line is looked for where it is not given."""
    if root is None or module.partition(".")[0] in _NOT_NETWORK:
        return
    known = _loaded.setdefault(root, {})
    if module not in known:
        known[module] = place or _calling_line(f"{root}{os.sep}")


def _calling_line(folder: str) -> str | None:
    """Return the line of the code in a folder that is being executed."""
    frame = sys._getframe(1)  # noqa: SLF001  the frames above
    while frame is not None and not frame.f_code.co_filename.startswith(folder):
        frame = frame.f_back  # type: ignore[assignment] # ends with None
    return f"{frame.f_code.co_filename.removeprefix(folder)}:{frame.f_lineno}" if frame is not None else None


def loaded_unheard(root: Path | None, more: frozenset[str]) -> list[tuple[str, str | None]]:
    """Return the listed modules that the code in a folder has loaded, each with the line that did."""
    known = _loaded.get(root) if root is not None else None
    if not known or root is None:
        return []
    number, found = _found.get((root, more), (0, []))
    if number != len(known):
        listed = ((unheard(module, more), place) for module, place in known.items())
        found = [(module, place) for module, place in listed if module is not None]
        _found[root, more] = len(known), found
    return found


def unheard(module: str, more: frozenset[str]) -> str | None:
    """Return the listed module that an imported one is, or is in; `more` are modules of the user's own list."""
    for listed in (*UNHEARD, *more):
        if f"{module}.".startswith(f"{listed}."):
            return listed
    return None
