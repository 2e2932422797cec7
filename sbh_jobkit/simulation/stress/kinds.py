"""The kinds of stress, by the names that options take."""

from __future__ import annotations

EASY = ("overlap", "outage", "late", "storage", "rate_limit")
"""Those that are faults of a plan, which can come together."""
KINDS = ("dst", "calendar", *EASY, "crash", "tenants", "order")
ALL = "all"
"""The name of every kind together."""
CHOICES = f"{','.join(KINDS)}, or {ALL}"
"""What may be given, for the help of an option."""
