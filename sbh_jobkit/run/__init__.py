"""One job called once, and all that was seen of it."""
