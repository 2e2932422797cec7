"""The object storage of a real tenant in a bucket (`s3://`), by obstore.

The storage itself keeps content types, sorts, signs links and serves them. obstore's own functions are used, not its
layer for fsspec, which drops content types and makes no links.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.backends import FileInfo, ServiceError
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.bucket import Bucket
from sbh_jobkit.live.files import BINARY, LONGEST, is_path
from sbh_jobkit.live.optional import needed

with needed("a storage 's3://…'", "s3"):
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sbh_jobkit.live.settings import Settings

_CLIENT = {"connect_timeout": "5s", "timeout": "30s"}
_RETRY: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}
_METHODS = {"get_object": "GET", "put_object": "PUT"}
_ROLE = re.compile(r"https?://169\.254\.")
"""The addresses from which a machine of AWS gets its role's credentials."""
_TYPE = re.compile(r"[ -~]*")


class S3Files:
    """Files below one prefix of a bucket."""

    __slots__ = ("_bucket", "_endpoint", "_store")

    def __init__(self, bucket: Bucket, environment: Mapping[str, str]) -> None:
        """Keep files in a bucket, with the credentials of the environment; nothing is reached yet."""
        options: Any = bucket.options(environment)
        self._bucket = bucket
        self._endpoint = options.get("endpoint", "AWS")
        client: Any = {**_CLIENT, "allow_http": self._endpoint.startswith("http://")}
        prefix = bucket.prefix or None
        self._store = S3Store(bucket.name, prefix=prefix, config=options, client_options=client, retry_config=_RETRY)

    @classmethod
    def from_settings(cls, settings: Settings, environment: Mapping[str, str] | None = None) -> S3Files:
        """Open the storage of the settings; raises SettingsError for a URL that names none."""
        try:
            bucket = Bucket.parse(f"{settings.files}")
        except ValueError as error:
            msg = f"files of tenant.toml names no bucket: {error}"
            raise SettingsError(msg) from error
        return cls(bucket, os.environ if environment is None else environment)

    def __repr__(self) -> str:
        """Name the bucket."""
        return f"<S3Files {self._bucket.name}/{self._bucket.prefix}>"

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """Yield the files whose keys begin with a prefix, sorted by key, without content types."""
        folder = prefix.rpartition("/")[0]
        if folder and not is_path(folder):
            return
        with self._sentence():  # the storage gives 1,000 keys at a time, and obstore asks for the next
            found = [meta for page in obstore.list(self._store, folder or None) for meta in page]
        for meta in sorted(found, key=lambda meta: meta["path"]):
            if meta["path"].startswith(prefix):
                yield FileInfo(meta["path"], meta["size"], "", meta["last_modified"].timestamp())

    def reach(self) -> str:
        """Ask for a list; raises ServiceError where the storage refuses."""
        with self._sentence():
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        return f"a bucket at {self._endpoint}"

    def stat(self, key: str) -> FileInfo | None:
        """Return one file's facts, or None."""
        if not self._is_key(key):
            return None
        with self._sentence():
            try:
                found = obstore.get(self._store, key, options={"head": True})
            except FileNotFoundError:
                return None
        kind = found.attributes.get("Content-Type", BINARY)
        return FileInfo(key, found.meta["size"], kind, found.meta["last_modified"].timestamp())

    def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Store a file; raises ValueError for a key or a content type that this storage cannot have."""
        self.check(key, content_type)
        attributes: Any = {"Content-Type": content_type or BINARY}
        with self._sentence():
            obstore.put(self._store, key, data, attributes=attributes)
        return True

    def check(self, key: str, content_type: str) -> None:
        """Raise ValueError for a key or a content type that this storage cannot have."""
        if not self._is_key(key):
            msg = f"a file's key must be a path below the tenant's files, such as 'reports/a.csv', got {key!r}"
            raise ValueError(msg)
        if not _TYPE.fullmatch(content_type):
            msg = f"a content type in s3:// is plain ASCII, got {content_type!r}"
            raise ValueError(msg)

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        if self.stat(key) is None:
            return False
        with self._sentence():
            obstore.delete(self._store, key)
        return True

    def presign(self, key: str, operation: str, expires_in: int) -> str:
        """Return a link that the storage serves."""
        if not self._is_key(f"{key}"):
            msg = f"no link leads to {key!r}: it is not a path below the tenant's files"
            raise ValueError(msg)
        method: Any = _METHODS[operation]
        with self._sentence():
            return obstore.sign(self._store, method, f"{key}", timedelta(seconds=expires_in))

    def _is_key(self, key: str) -> bool:
        whole = f"{self._bucket.prefix}/{key}" if self._bucket.prefix else key
        return is_path(key) and len(whole.encode("utf-8")) <= LONGEST

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        """Turn what the storage says into one sentence."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            msg = f"the storage s3://{self._bucket.name} refused: {self._reason(str(error))}"
            raise ServiceError(msg) from error

    def _reason(self, text: str) -> str:
        code, said = (re.search(f"<{tag}>([^<]*)</{tag}>", text) for tag in ("Code", "Message"))
        status = re.search(r"status code: (\d+ [A-Za-z ]*)", text)
        if _ROLE.search(text):
            return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        if code is not None and code[1] == "NoSuchBucket":
            return f"there is no bucket {self._bucket.name!r} at {self._endpoint}"
        if code is not None:
            return f"{said[1].rstrip('.')} ({code[1]})" if said is not None and said[1] else code[1]
        if status is not None:
            return f"it answered {status[1].strip()}; see the credentials, the region and the bucket's permissions"
        if "HTTP error" in text:
            return f"it cannot be reached at {self._endpoint}"
        return text.partition("\n")[0]
