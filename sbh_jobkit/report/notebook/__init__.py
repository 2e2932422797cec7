"""How notebooks show each value."""
