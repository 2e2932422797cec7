"""When a job is due, and what becomes of a due instant."""
