"""Add-ons by third parties, through pluggy."""
