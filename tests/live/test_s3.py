"""Files of a real tenant in a bucket: types kept, links that the storage serves, errors in one sentence."""

import subprocess
import sys
import time
from datetime import UTC

import httpx2
import pytest

from sbh_jobkit import clock
from sbh_jobkit.context.backends import ServiceError
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.bucket import Bucket
from sbh_jobkit.live.s3 import S3Files
from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import Settings


class Opened:
    """A bucket, and the files of a tenant in it."""

    def __init__(self, buckets, prefix):
        """Make an empty one."""
        self.buckets, self.bucket = buckets, buckets.create()
        self.url = f"s3://{self.bucket}{prefix}"
        self.files = self.open(self.url)

    def open(self, url, **changed):
        """Open files by a URL, with other variables."""
        return S3Files.from_settings(Settings(id="acme", files=url), {**self.buckets.environment, **changed})


@pytest.fixture(params=["", "/tenants/acme"])
def opened(request, buckets):
    """Open a bucket, with a prefix and without."""
    return Opened(buckets, request.param)


def keys(found):
    """Return the keys alone."""
    return [info.key for info in found]


def test_what_is_stored_is_listed(opened):
    """Sorted by key, by a prefix that is plain text; with size, type and time."""
    assert list(opened.files.list("")) == []
    for key in ("temp/b", "temp/a.log", "temporary.txt", "ä 1.json", "temp-x", "Z", "*?[a]"):
        assert opened.files.put(key, b"12", "text/plain") is True
    all_of_them = ["*?[a]", "Z", "temp-x", "temp/a.log", "temp/b", "temporary.txt", "ä 1.json"]
    assert keys(opened.files.list("")) == all_of_them
    assert keys(opened.files.list("temp")) == ["temp-x", "temp/a.log", "temp/b", "temporary.txt"]
    assert keys(opened.files.list("temp/")) == ["temp/a.log", "temp/b"]
    assert keys(opened.files.list("temp/a.log")) == ["temp/a.log"]
    assert [keys(opened.files.list(prefix)) for prefix in ("t*", "emp/", "TEMP/", "/temp", "../", "temp/../")] == [
        []
    ] * 6
    info = opened.files.stat("Z")
    assert (info.key, info.size, info.content_type) == ("Z", 2, "text/plain")
    assert abs(info.modified - clock.now(UTC).timestamp()) < 60
    assert next(opened.files.list("Z")) == info._replace(content_type="")


@pytest.mark.parametrize("kind", ["text/csv", "application/octet-stream", "x/y; charset=utf-8"])
def test_the_type_is_kept(opened, kind):
    """Also where the key's ending stands for another; a file that is stored again has its new type."""
    opened.files.put("a.csv", b"", "image/png")
    opened.files.put("a.csv", b"", kind)
    assert opened.files.stat("a.csv").content_type == kind
    assert [opened.files.delete("a.csv"), opened.files.stat("a.csv"), opened.files.delete("a.csv")] == [
        True,
        None,
        False,
    ]
    assert list(opened.files.list("")) == []


def test_a_list_has_more_than_a_page(buckets):
    """A storage gives 1,000 keys at a time; all of them are listed."""
    opened = Opened(buckets, "/logs")
    for number in range(1005):
        opened.files.put(f"day/{number:04}.log", b"", "text/plain")
    assert keys(opened.files.list("")) == [f"day/{number:04}.log" for number in range(1005)]
    assert len(list(opened.files.list("day/100"))) == 5


def test_two_prefixes_share_nothing(buckets):
    """Neither by their keys nor by a name that begins alike."""
    one = Opened(buckets, "/acme")
    other = one.open(f"s3://{one.bucket}/acme-test")
    other.put("a", b"1", "text/plain")
    assert (list(one.files.list("")), one.files.stat("a"), one.files.delete("a")) == ([], None, False)
    assert keys(other.list("")) == ["a"]


@pytest.mark.parametrize("key", ["a.txt", "reports/ä 1.json", "50%/?&=#.txt"])
def test_a_link_works_until_it_expires(opened, key):
    """Whoever has it reads or writes that one file, without credentials."""
    with httpx2.Client() as client:
        assert client.put(opened.files.presign(key, "put_object", 60), content=b"new").status_code == 200
        got = client.get(opened.files.presign(key, "get_object", 60))
        assert (got.status_code, got.content, opened.files.stat(key).size) == (200, b"new", 3)
        link = opened.files.presign(key, "get_object", 1)
        assert client.put(link, content=b"other").status_code == 403
        assert client.get(link.replace("Expires=1", "Expires=9")).status_code == 403
        until = time.monotonic() + 20
        while (status := client.get(link).status_code) == 200 and time.monotonic() < until:
            time.sleep(0.2)
        assert status == 403
    assert link.isascii()


def test_what_cannot_be_signed_is_refused(opened):
    """In one sentence."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the whole sentence is compared
        opened.files.presign("../a", "get_object", 9)
    assert str(refused.value) == "no link leads to '../a': it is not a path below the tenant's files"


@pytest.mark.parametrize(
    "key", ["../x", "a/../x", "/etc", "a//b", "a/", ".", "a/./b", "a\0b", "a\nb", "\ud800", "ü" * 600]
)
def test_a_key_stays_below_the_prefix(opened, key):
    """No other can be stored, and none is there."""
    with pytest.raises(ValueError, match=r"^a file's key must be a path below the tenant's files, such as"):
        opened.files.put(key, b"x", "text/plain")
    assert (opened.files.stat(key), opened.files.delete(key)) == (None, False)


def test_a_type_is_plain_ascii(opened):
    """A header holds nothing else."""
    with pytest.raises(ValueError, match=r"^a content type in s3:// is plain ASCII, got 'x/ü'$"):
        opened.files.put("a", b"", "x/ü")
    opened.files.put("a", b"", "")
    assert opened.files.stat("a").content_type == "application/octet-stream"


CALLS = {
    "list": lambda files: list(files.list("")),
    "stat": lambda files: files.stat("a"),
    "put": lambda files: files.put("a", b"x", "text/plain"),
}
REFUSED = {
    ("put", "another bucket"): "there is no bucket 'bucket-none' at {endpoint}",
    ("list", "another bucket"): "there is no bucket 'bucket-none' at {endpoint}",
    ("put", "another secret"): (
        "The request signature we calculated does not match the signature you provided (SignatureDoesNotMatch)"
    ),
    ("stat", "another secret"): (
        "it answered 403 Forbidden; see the credentials, the region and the bucket's permissions"
    ),
    ("list", "another port"): "it cannot be reached at http://127.0.0.1:1",
}


@pytest.mark.parametrize(("call", "changed"), REFUSED)
def test_a_storage_that_refuses_says_why_in_one_sentence(buckets, call, changed):
    """Without what the library prints for its own people, and without a secret."""
    opened = Opened(buckets, "")
    files = {
        "another bucket": lambda: opened.open("s3://bucket-none"),
        "another secret": lambda: opened.open(opened.url, AWS_SECRET_ACCESS_KEY="hunter2"),  # noqa: S106  wrong on purpose
        "another port": lambda: opened.open(f"{opened.url}?endpoint=http://127.0.0.1:1"),
    }[changed]()
    with pytest.raises(ServiceError) as refused:
        CALLS[call](files)
    bucket = "bucket-none" if changed == "another bucket" else opened.bucket
    why = REFUSED[call, changed].format(endpoint=buckets.endpoint)
    assert str(refused.value) == f"the storage s3://{bucket} refused: {why}"


REASONS = {
    "Error performing PUT http://169.254.169.254/latest/api/token in 1ms - Server returned 403": (
        "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ),
    "x <Error><Code>SlowDown</Code><Message></Message></Error>": "SlowDown",
    "Generic error: something else\n\nDebug source:\nGeneric {": "Generic error: something else",
}


@pytest.mark.parametrize("text", REASONS)
def test_what_else_a_storage_says(text):
    """Each is cut down to what an administrator can use."""
    files = S3Files(Bucket(name="box"), {})
    assert files._reason(text) == REASONS[text]  # noqa: SLF001  no server of this machine says these


BUCKETS = {
    "s3://reports": Bucket(name="reports"),
    "s3://reports/": Bucket(name="reports"),
    "s3://reports/a/b/": Bucket(name="reports", prefix="a/b"),
    "s3://reports/a?region=eu-west-1&endpoint=https://s3.example:9000": Bucket(
        name="reports", prefix="a", region="eu-west-1", endpoint="https://s3.example:9000"
    ),
}


@pytest.mark.parametrize("url", BUCKETS)
def test_a_url_names_a_bucket(url):
    """With a prefix, and where it is."""
    assert Bucket.parse(url) == BUCKETS[url]
    assert repr(S3Files(Bucket.parse(url), {})) == f"<S3Files {BUCKETS[url].name}/{BUCKETS[url].prefix}>"


def test_the_url_counts_before_the_variables():
    """The more special variable before the other; what is empty is not set."""
    given = {
        "AWS_ENDPOINT_URL": "https://all.example",
        "AWS_ENDPOINT_URL_S3": "https://s3.example",
        "AWS_REGION": "",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_SESSION_TOKEN": "t",
    }
    assert Bucket(name="b").options(given) == {
        "session_token": "t",
        "endpoint": "https://s3.example",
        "region": "eu-west-1",
    }
    assert Bucket(name="b", endpoint="https://own.example", region="us-east-2").options(given) == {
        "session_token": "t",
        "endpoint": "https://own.example",
        "region": "us-east-2",
    }


MISTAKES = {
    "s3://": "a bucket has 3 to 63 small letters, digits, '-' and '.', got ''",
    "s3://My_Bucket": "a bucket has 3 to 63 small letters, digits, '-' and '.', got 'My_Bucket'",
    "s3://id:hunter2@reports": ("credentials do not stand in it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    "s3://reports?endpont=x": "it has no key 'endpont' behind '?'; did you mean 'endpoint'?",
    "s3://reports?secret_access_key=hunter2": (
        "it has no key 'secret_access_key' behind '?'; use one of endpoint, region"
    ),
    "s3://reports?endpoint=s3.example": "its endpoint must begin with https:// or http://, got 's3.example'",
    "s3://reports?region=": "its region must be a name such as 'eu-central-1', got ''",
}


@pytest.mark.parametrize("url", MISTAKES)
def test_a_url_that_is_wrong_is_one_sentence(url):
    """In the file as in Python; nothing that is secret is shown."""
    with pytest.raises(SettingsError) as refused:
        S3Files.from_settings(Settings(id="acme", files=url), {})
    assert str(refused.value) == f"files of tenant.toml names no bucket: {MISTAKES[url]}"
    with pytest.raises(SettingsError) as read:
        Settings.parse(f'id = "acme"\nfiles = "{url}"')
    assert str(read.value).endswith(f"; {MISTAKES[url]}")
    assert "hunter2" not in f"{refused.value}{read.value}"


def test_a_tenant_shows_no_credentials(buckets):
    """They are redacted as secrets are, in what a job prints."""
    opened = Opened(buckets, "")
    tenant = LiveTenant(Settings(id="acme", files=opened.url), environment=buckets.environment)
    assert tenant.files.put("a", b"x", "text/plain") is True
    assert "a-secret" not in tenant.redactor().text("it is a-secret-of-the-storage")
    tenant.close()


def test_without_the_library_there_is_a_line_to_type():
    """It is imported when a tenant has such files, and not before."""
    code = """
import sys
sys.modules["obstore"] = None
from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import Settings
try:
    LiveTenant(Settings(id="acme", files="s3://reports")).files
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    missing = "a storage 's3://…' needs obstore, which is not installed; type: pip install \"sbh-jobkit[s3]\""
    assert done.stdout == f"SettingsError {missing}\n"
