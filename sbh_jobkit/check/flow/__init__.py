"""Follow values through a plugin's code without running it."""
