"""The fake tenant's answers where today's host differs from the guide."""
