"""The keys of `tenant.toml`: what each must be, and the sentence where it is not."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from sbh_jobkit.errors import PolicyError, SettingsError, TimeFormatError, did_you_mean
from sbh_jobkit.live.bucket import Bucket
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policies import ALL_JOBS
from sbh_jobkit.schedule.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DATABASES = ("sqlite", "postgresql")
STORAGES = ("file", "memory", "s3")
SOURCES = ("env", "dotenv", "keyring", "store")
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PASSWORD = re.compile(r"(://[^:/@\s]*):.*@")
_SECRET_PART = re.compile(r"([?&][^=&'\"]*(?:key|secret|token|password)[^=&'\"]*=)[^&'\"]*", re.IGNORECASE)
_NOT_IN_URLS = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")
_MOST_SECONDS = 86_400
_MOST_DAYS = 36_500
_MOST = 2**40


class _Key(NamedTuple):
    """What a value must be, in words, and the function that returns it as the settings hold it."""

    what: str
    check: Callable[[Any], Any]


def read(where: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """Check all keys of a file called `where`, and return the values by name; raises SettingsError for the first."""
    found = _read_table(where, "", {key: value for key, value in written.items() if key not in _TABLES}, _TOP)
    for name, keys in _SECTIONS.items():
        if name in written:
            found[name] = _read_table(where, f"[{name}] ", _table(where, name, written[name]), keys)
    if "policy" in written:
        found["policy"] = _policies(where, _table(where, "policy", written["policy"], "[policy.JOB]"))
    if "history" in written:
        found["history"] = _history(where, _table(where, "history", written["history"]))
    if "id" not in found:
        msg = f'{where}: id is missing; write a line such as id = "acme"'
        raise SettingsError(msg)
    for key in ("url", "model"):
        if "llm" in found and key not in found["llm"]:
            msg = f"{where}: [llm] {key} is missing; [llm] needs url and model"
            raise SettingsError(msg)
    if "alerts" in found and "webhook" not in found["alerts"]:
        msg = f"{where}: [alerts] webhook is missing; it is the address that hears of failures"
        raise SettingsError(msg)
    return found


def _read_table(where: str, section: str, written: Mapping[str, Any], keys: Mapping[str, _Key]) -> dict[str, Any]:
    found = {}
    for name, value in written.items():
        if name not in keys:
            _refuse_unknown(where, section, name, keys if section else [*keys, *_TABLES])
        try:
            found[name] = keys[name].check(value)
        except (TypeError, ValueError) as error:
            hint = str(error) if str(error).startswith("; ") else ""
            msg = f"{where}: {section}{name} must be {keys[name].what}, got {_shown(value)}{hint}"
            raise SettingsError(msg) from error
    return found


def _refuse_unknown(where: str, section: str, name: str, known: Iterable[str]) -> NoReturn:
    hint = did_you_mean(name, known) or f"; use one of {', '.join(known)}"
    msg = f"{where}: {section}has no key {name!r}{hint}" if section else f"{where}: there is no key {name!r}{hint}"
    raise SettingsError(msg)


def _table(where: str, name: str, value: Any, shown: str | None = None) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    msg = f"{where}: {name} must be a table, got {_shown(value)}; write {shown or f'[{name}]'} on a line of its own"
    raise SettingsError(msg)


def _policies(where: str, written: Mapping[str, Any]) -> dict[str, Policy]:
    """Return the policy of each job that has one; it builds on the one under `*`, as on the command line."""
    shared = {**_table(where, f"policy.{ALL_JOBS}", written.get(ALL_JOBS, {}))}
    found = {ALL_JOBS: _policy(where, ALL_JOBS, shared)} if ALL_JOBS in written else {}
    for job, settings in written.items():
        if job != ALL_JOBS:
            found[job] = _policy(where, job, {**shared, **_table(where, f"policy.{job}", settings)})
    return found


def _policy(where: str, job: str, settings: Mapping[str, Any]) -> Policy:
    try:
        return Policy.from_settings(dict(settings))
    except (PolicyError, TypeError) as error:
        msg = f"{where}: [policy.{job}] {error}"
        raise SettingsError(msg) from error


def _history(where: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of each job that has its own, and under `*` those of all others, which its own build on."""
    jobs = {name: value for name, value in written.items() if isinstance(value, dict)}
    shared = {name: value for name, value in written.items() if name not in jobs}
    found = {ALL_JOBS: _read_table(where, "[history] ", shared, _HISTORY)}
    for job, given in jobs.items():
        found[job] = found[ALL_JOBS] | _read_table(where, f"[history.{job}] ", given, _HISTORY)
    return found


def _shown(value: object) -> str:
    return _SECRET_PART.sub(r"\1***", _PASSWORD.sub(r"\1:***@", repr(value)))


def without_password(url: str) -> str:
    """Return a URL as an error may show it."""
    return _SECRET_PART.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError
    return value


def _id(value: Any) -> str:
    if not _ID.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _zone(value: Any) -> Any:
    try:
        return times.zone(_text(value))
    except TimeFormatError as error:
        near = str(error).partition("; did you mean")  # the nearest zone, if one is near
        raise ValueError("".join(near[1:])) from error


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or not 0 < value <= most:
        raise TypeError
    return float(value)


def _seconds(value: Any) -> float:
    return _number(value, _MOST_SECONDS)


def _megabytes(value: Any) -> float:
    return _number(value, _MOST)


def _days(value: Any) -> float:
    return _number(value, _MOST_DAYS)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MOST:
        raise TypeError
    return value


def _retries(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10:  # noqa: PLR2004  as `what` says
        raise TypeError
    return value


def _durations(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise TypeError
    found: dict[str, float] = {}
    for job, length in value.items():
        try:
            found[job] = times.duration(_text(length)).total_seconds()
        except (TimeFormatError, TypeError) as error:
            hint = f"; {job} is {length!r}, which is not a duration"
            raise ValueError(hint) from error
    return found


def _listed(value: Any, check: Callable[[Any], str]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(check, value))


def _host(value: Any) -> str:
    host = _text(value).lower()
    if not _HOST.fullmatch(host):
        hint = f"; {value!r} is not a host: leave out 'https://', port and path"
        raise ValueError(hint)
    return host


def _hosts(value: Any) -> tuple[str, ...]:
    return _listed(value, _host)


def _source(value: Any) -> str:
    kind, colon, rest = _text(value).partition(":")
    if kind not in SOURCES:
        hint = did_you_mean(kind, SOURCES)
        raise ValueError(hint or "")
    if value == "store":
        return str(value)
    if not colon or not rest:
        hint = f"; {value!r} names no {'file' if kind == 'dotenv' else 'prefix' if kind == 'env' else 'service'}"
        raise ValueError(hint)
    return str(value)


def _sources(value: Any) -> tuple[str, ...]:
    return _listed(value, _source)


def _url(value: Any, schemes: tuple[str, ...]) -> str:
    scheme = urlsplit(_text(value)).scheme.partition("+")[0]
    if "://" not in value or scheme not in schemes:
        raise ValueError("" if scheme in schemes else did_you_mean(value.partition(":")[0], schemes))
    return str(value)


def _database(value: Any) -> str:
    return _url(value, DATABASES)


def _storage(value: Any) -> str:
    url = _url(value, STORAGES)
    if url.startswith("s3:"):
        try:
            Bucket.parse(url)
        except ValueError as error:
            hint = f"; {error}"
            raise ValueError(hint) from error
    return url


def web_address(value: Any) -> str:
    """Return an address that begins with https:// or http://; raises TypeError or ValueError, maybe with a hint."""
    parts = urlsplit(_url(value, ("http", "https")))
    if not parts.hostname or parts.port == 0 or _NOT_IN_URLS.search(value):  # to ask for a port above 65535 raises
        raise ValueError
    return str(value)


_SECRET = _Key("the name of a secret", _text)
_WEB = _Key("an address that begins with https:// or http://", web_address)
_SECONDS = _Key("a number of seconds above 0, and at most a day", _seconds)
_TOP = {
    "id": _Key("text of letters, digits, '-' and '_', such as 'acme'", _id),
    "timezone": _Key("the name of a time zone, such as 'Europe/Paris'", _zone),
    "db": _Key("a URL such as 'sqlite:///app.db' or 'postgresql://user@host/database'", _database),
    "files": _Key("a URL such as 'file://folder', 's3://bucket/prefix' or 'memory://name'", _storage),
    "secrets": _Key("a list of sources such as 'env:ACME_', 'dotenv:.env', 'keyring:acme' or 'store'", _sources),
}
_SECTIONS: dict[str, dict[str, _Key]] = {
    "http": {
        "allow": _Key("a list of host names", _hosts),
        "timeout": _SECONDS,
        "max_bytes": _Key("a whole number of bytes above 0", _whole),
    },
    "llm": {
        "url": _WEB,
        "model": _Key("the name of a model", _text),
        "key": _SECRET,
        "timeout": _SECONDS,
    },
    "events": {
        "log": _Key("true or false", _flag),
        "webhook": _WEB,
        "secret": _SECRET,
        "retries": _Key("a whole number from 0 to 10", _retries),
    },
    "alerts": {
        "webhook": _WEB,
        "secret": _SECRET,
        "retries": _Key("a whole number from 0 to 10", _retries),
        "late": _Key("a table of durations by job, such as { daily_report = '26h' }", _durations),
    },
    "limits": {
        "seconds": _SECONDS,
        "memory_mb": _Key("a number of megabytes above 0", _megabytes),
    },
}
_DAYS = _Key("a number of days above 0", _days)
_HISTORY = {"days": _DAYS, "runs": _Key("a whole number of runs above 0", _whole), "output_days": _DAYS}
_TABLES = (*_SECTIONS, "policy", "history")
NAMES = (*_TOP, *(name for section in _SECTIONS.values() for name in section), *_HISTORY)
"""Every key of the file."""
