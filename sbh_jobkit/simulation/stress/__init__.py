"""A plugin under stress, and the smallest scenario of each failure."""
