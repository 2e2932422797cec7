"""Rows in, text out: nothing here computes or runs."""
