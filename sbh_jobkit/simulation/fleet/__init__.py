"""Several plugins at several tenants."""
