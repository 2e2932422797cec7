"""Making and shipping a plugin."""
