"""Everything that a run on real services needs, loaded once in the process from which runs are forked.

It is imported for its effect: what is loaded here costs the runs nothing. Libraries that are not installed are left
out, and the run that needs one says so.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live import http

_WANTED = (
    *("sbh_jobkit.live.db", "sbh_jobkit.live.session", "sbh_jobkit.live.llm", "sbh_jobkit.live.events"),
    *(
        "sqlite3.dbapi2",
        "sqlalchemy.dialects.sqlite",
        "dotenv",
        "dotenv.main",
        "fsspec.implementations.local",
        "psycopg",
        "obstore.store",
        "cryptography.fernet",
    ),
)
for _name in _WANTED:
    with suppress(ImportError, SettingsError):
        import_module(_name)
with suppress(SettingsError):
    http.tls()  # the certificates of all authorities: 25 ms
