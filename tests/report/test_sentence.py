"""How a phrase becomes a sentence."""

import pytest

from sbh_jobkit.report.sentence import sentence


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("list the tokens of the REST API", "List the tokens of the REST API."),
        ("--from is missing", "--from is missing."),
        ("é", "É."),
    ],
)
def test_only_the_first_letter_changes(phrase, text):
    """The others stay as they are."""
    assert sentence(phrase) == text
