"""The same range under disturbances, and the smallest one that breaks it."""
