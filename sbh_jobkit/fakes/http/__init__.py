"""The fake tenant's internet: respx routes."""
