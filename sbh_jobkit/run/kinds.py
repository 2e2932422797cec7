"""The kinds of fault that a run can have, and all that `allow` takes."""

from __future__ import annotations

from sbh_jobkit.plugin import divergences
from sbh_jobkit.run.notes import OBSERVATIONS

FAULTS = {
    "context-kept": "the job used the context of an earlier run, kept in a variable",
    "db-write": "the job wanted to write to the database, which it may only read",
    "extension-failed": "an extension failed, or reported what it had not declared",
    "file-type": "a file's data was neither bytes nor text, or its key, prefix or content type was not text",
    "filter-invalid": "a database filter was not of the filter language",
    "header-invalid": "a request had a header that HTTP does not allow, such as one that ends with a line break",
    "hook-not-called": "a hook of the plugin hears an emitted event, and a simulation does not call it (fails no run)",
    "http-unmatched": "an HTTP request matched no route of the world",
    "link-invalid": "a presigned URL was asked for, with an operation or a time that no such URL can have",
    "network": "the job tried to reach the real network or to listen on it, or loaded a module that reaches it unheard",
    "payload-not-json": "an event's payload was not JSON",
    "permission-denied": "the manifest does not permit what was called",
    "real-file": "the job wrote or changed a real file outside the temporary directory",
    "secret-leaked": "a secret's value was in output, an error, a returned value, an event, a file, a URL or a prompt",
    "secret-missing": "the job asked for a secret that is not set, without a default",
    "secret-type": "a secret's name or value was not text",
    "table-unknown": "the job queried a table that the world does not have",
    "thread-left": "a thread of the job went on when the job had ended",
    "value-not-json": "what the job returned was not JSON",
    "world-failed": "a function of the world that answers a request or a prompt failed, or gave what is no answer",
}
"""Every kind of fault, as `allow` takes it, and its meaning."""


def known_kinds() -> list[str]:
    """Return what `allow` takes: the kit's kinds of fault, ids of divergences of today's host, kinds of observation."""
    return [*FAULTS, *divergences.ids_for("job"), *OBSERVATIONS]
