"""What only a real tenant needs is installed by an extra, which the error names."""

import re
import tomllib
from pathlib import Path

import pytest

from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.optional import needed

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
CALLED = {"dotenv": "python-dotenv"}
NEEDED = sorted(
    (path.name, found["extra"], found["library"])
    for path in (ROOT / "sbh_jobkit/live").glob("*.py")
    for found in re.finditer(r'needed\(.*"(?P<extra>\w+)"\):\n +import (?P<library>\w+)', path.read_text())
)


@pytest.mark.parametrize(("module", "extra", "library"), NEEDED)
def test_an_extra_brings_what_the_error_says(module, extra, library):
    """So the line to type helps."""
    names = {re.match(r"[\w-]+", each)[0] for each in EXTRAS[extra]}
    assert CALLED.get(library, library) in names, module


def test_all_of_them_are_found():
    """And `all` installs every extra."""
    assert {library for _, _, library in NEEDED} == {
        *("dotenv", "fsspec", "httpx2", "keyring", "obstore", "psycopg", "sqlalchemy")
    }
    assert EXTRAS["all"] == [f"sbh-jobkit[{','.join(name for name in EXTRAS if name != 'all')}]"]


def test_what_is_missing_is_named_with_the_line_to_type():
    """By the name of the package, not of its part."""
    with pytest.raises(SettingsError) as refused, needed("db", "serve"):
        import sbh_none.part  # noqa: F401
    assert str(refused.value) == 'db needs sbh_none, which is not installed; type: pip install "sbh-jobkit[serve]"'
