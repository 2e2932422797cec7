"""Results as text and HTML: rows in, text out."""
