"""When jobs are due, and what happens to each fire time."""
