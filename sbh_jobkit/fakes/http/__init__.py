"""HTTP of a fake tenant: respx routes in place of the internet."""
