"""The real services of a tenant, described by one file."""
