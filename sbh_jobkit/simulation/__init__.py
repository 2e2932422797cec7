"""A range of dates in virtual time."""
