"""Secrets of a real tenant: sources in order, writes, and nothing shown."""

import builtins

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.secrets import LiveSecrets
from sbh_jobkit.live.settings import Settings

NAME = "TOKEN"


class MemoryKeyring(KeyringBackend):
    """A keyring that keeps a dict."""

    priority = 1

    def __init__(self):
        """Start empty."""
        super().__init__()
        self.entries = {}

    def get_password(self, service, username):
        """Look up."""
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        """Keep."""
        self.entries[service, username] = password

    def delete_password(self, service, username):
        """Drop."""
        del self.entries[service, username]


@pytest.fixture(autouse=True)
def ring():
    """Use a keyring in memory."""
    before, own = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


def opened(folder, *sources, environment=()):
    """Open the secrets of a tenant with these sources."""
    settings = Settings(id="acme", secrets=sources, folder=folder)
    return LiveSecrets.from_settings(settings, dict(environment))


def test_the_first_source_that_has_a_secret_answers(tmp_path):
    """In the order of the settings."""
    (tmp_path / ".env").write_text("KEY=from-file\nOTHER='in file'\nEMPTY=\nNO_VALUE\nTWICE=${KEY}\n")
    environment = {"ACME_KEY": "from-environment", "PATH": "/bin", "ACME_": "x"}
    secrets = opened(tmp_path, "env:ACME_", "dotenv:.env", environment=environment)
    assert dict(secrets) == {"KEY": "from-environment", "OTHER": "in file", "EMPTY": "", "TWICE": "${KEY}"}
    assert (len(secrets), list(secrets)) == (4, ["KEY", "OTHER", "EMPTY", "TWICE"])
    reversed_order = opened(tmp_path, "dotenv:.env", "env:ACME_", environment=environment)
    assert reversed_order["KEY"] == "from-file"
    assert "PATH" not in secrets


@pytest.mark.parametrize("value", ["t-1", "", 'it\'s "quoted" \\ back', "two\nlines", "# ü $HOME ${X}", " spaced "])
@pytest.mark.parametrize("source", ["dotenv:.env", "keyring:acme"])
def test_what_is_set_is_read_again(tmp_path, source, value):
    """By the same tenant and by the next that opens the source; then it is deleted."""
    secrets = opened(tmp_path, "env:ACME_", source)
    secrets[NAME] = "old"
    secrets[NAME] = value
    secrets["OTHER"] = "x-2"
    assert dict(secrets) == dict(opened(tmp_path, source)) == {"TOKEN": value, "OTHER": "x-2"}
    assert secrets.pop("TOKEN", None) == value
    assert (dict(secrets), secrets.pop("TOKEN", None)) == ({"OTHER": "x-2"}, None)


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    """Nobody else of the machine reads it."""
    opened(tmp_path, "dotenv:.env")[NAME] = "t-1"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_a_file_that_changed_is_read_again(tmp_path):
    """An administrator edits it while the tenant is open."""
    secrets = opened(tmp_path, "dotenv:.env")
    assert dict(secrets) == {}
    (tmp_path / ".env").write_text("KEY=one")
    assert dict(secrets) == {"KEY": "one"}


def test_where_nothing_can_be_written_a_write_is_refused(tmp_path):
    """In one sentence."""
    secrets = opened(tmp_path, "env:ACME_")
    with pytest.raises(SettingsError) as refused:
        secrets[NAME] = "t-1"
    advice = "no source of secrets can be written; add one to secrets in tenant.toml, such as 'dotenv:.env'"
    assert str(refused.value) == advice


def test_a_secret_of_the_environment_stays(tmp_path):
    """It would go on to answer, so it can be neither replaced nor deleted; one behind a file's can be replaced."""
    secrets = opened(tmp_path, "env:ACME_", "dotenv:.env", environment={"ACME_KEY": "k-12345"})
    said = "the secret 'KEY' comes from the environment, where it can be neither replaced nor deleted"
    with pytest.raises(SettingsError) as refused:
        secrets["KEY"] = "new"
    assert str(refused.value) == said
    with pytest.raises(SettingsError) as refused:
        secrets.pop("KEY", None)
    assert str(refused.value) == said
    behind = opened(tmp_path, "dotenv:.env", "env:ACME_", environment={"ACME_KEY": "k-12345"})
    behind["KEY"] = "new"
    assert behind["KEY"] == "new"


def test_nothing_is_shown(tmp_path):
    """Neither names nor values stand in a repr."""
    secrets = opened(tmp_path, "env:ACME_", environment={"ACME_KEY": "k-12345"})
    assert (repr(secrets), str(secrets)) == ("<LiveSecrets of 1 sources>",) * 2


def test_all_values_are_known_to_redact(tmp_path):
    """Also one that was replaced or deleted since."""
    secrets = opened(tmp_path, "env:ACME_", "dotenv:.env", environment={"ACME_KEY": "k-12345"})
    secrets[NAME] = "first"
    secrets[NAME] = "second"
    del secrets[NAME]
    secrets.read_all()
    assert secrets.seen == {"k-12345": "KEY", "first": "TOKEN", "second": "TOKEN"}


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """Without a word of what is in it."""
    (tmp_path / ".env").write_bytes(b"KEY=\xff\xfe")
    with pytest.raises(SettingsError, match=r"^cannot read the secrets in '.*\.env': UnicodeDecodeError$"):
        opened(tmp_path, "dotenv:.env")


def test_a_name_that_a_file_cannot_hold_is_refused(tmp_path):
    """Instead of being lost."""
    secrets = opened(tmp_path, "dotenv:.env")
    with pytest.raises(SettingsError, match=r"^the secret 'A=B' cannot be kept in \.env"):
        secrets["A=B"] = "x"


def test_a_machine_without_a_keyring_is_one_sentence(tmp_path):
    """As most servers are."""
    keyring.set_keyring(fail.Keyring())
    with pytest.raises(SettingsError, match=r"^the keyring cannot be used \(source 'keyring:acme'\): No recommended"):
        dict(opened(tmp_path, "keyring:acme"))


@pytest.mark.parametrize(
    ("source", "package", "extra"), [("dotenv:.env", "dotenv", "serve"), ("keyring:x", "keyring", "keyring")]
)
def test_a_missing_library_is_one_sentence(tmp_path, monkeypatch, source, package, extra):
    """With the line to type."""
    real = builtins.__import__

    def without(name, *given):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(name=name)
        return real(name, *given)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError) as refused:
        opened(tmp_path, source)
    kind = source.partition(":")[0]
    missing = f"a source '{kind}:…' needs {package}, which is not installed; type: pip install \"sbh-jobkit[{extra}]\""
    assert str(refused.value) == missing
