"""How a phrase becomes a sentence."""

from __future__ import annotations


def sentence(phrase: str) -> str:
    """Write a phrase as a sentence; letters after the first stay as they are, such as those of REST."""
    return f"{phrase[0].upper()}{phrase[1:]}."
