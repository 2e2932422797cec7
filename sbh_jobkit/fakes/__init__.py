"""The same services as production, in memory: a tenant as its author sees it, and what a job sees of it."""
