"""Where the files of a tenant are in an S3-compatible storage: `s3://bucket/prefix?endpoint=…&region=…`.

What the URL does not say, the variables that every S3 client knows do: `AWS_ENDPOINT_URL` and `AWS_REGION`. Credentials
never stand in the URL, because `tenant.toml` holds no secrets: they are the variables `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else those of the machine's role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from sbh_jobkit.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PLACE = {"endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "region": ("AWS_REGION", "AWS_DEFAULT_REGION")}
_CREDENTIALS = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
}
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Variables whose values are never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket, and below which prefix of it the files are."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    """The address of the storage; None for AWS itself."""
    region: str | None = None

    @classmethod
    def parse(cls, url: str) -> Bucket:
        """Read a URL; raises ValueError with what is wrong with it."""
        parts = urlsplit(url)
        if "@" in parts.netloc:
            msg = "credentials do not stand in it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise ValueError(msg)
        if not _NAME.fullmatch(parts.netloc):
            msg = f"a bucket has 3 to 63 small letters, digits, '-' and '.', got {parts.netloc!r}"
            raise ValueError(msg)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        for name in given:
            if name not in _PLACE:
                hint = did_you_mean(name, _PLACE) or f"; use one of {', '.join(_PLACE)}"
                msg = f"it has no key {name!r} behind '?'{hint}"
                raise ValueError(msg)
        _check_place(given)
        return cls(name=parts.netloc, prefix=parts.path.strip("/"), **given)

    def options(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return how to connect, by the names of obstore: what the URL says, then what the variables say."""
        found = {name: environment[variable] for name, variable in _CREDENTIALS.items() if environment.get(variable)}
        for name, variables in _PLACE.items():
            values = (getattr(self, name), *map(environment.get, variables))
            if (value := next(filter(None, values), None)) is not None:
                found[name] = value
        return found


def _check_place(given: Mapping[str, str]) -> None:
    if "endpoint" in given and not re.match(r"https?://[^/]", given["endpoint"]):
        msg = f"its endpoint must begin with https:// or http://, got {given['endpoint']!r}"
        raise ValueError(msg)
    if given.get("region") == "":
        msg = "its region must be a name such as 'eu-central-1', got ''"
        raise ValueError(msg)
