"""Injected faults and latency of a fake tenant."""
