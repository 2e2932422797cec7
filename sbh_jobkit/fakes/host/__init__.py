"""Emulates today's host where it differs from the guide."""
