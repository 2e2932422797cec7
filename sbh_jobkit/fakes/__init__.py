"""A tenant in memory, and what goes wrong in it."""
