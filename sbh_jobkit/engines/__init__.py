"""The same jobs on a real scheduler."""
