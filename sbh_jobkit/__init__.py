"""Simulated job runs as a library: see the README."""
