"""The process and the machine that a plugin's code runs in: what it may not do to them, and what ends it."""
