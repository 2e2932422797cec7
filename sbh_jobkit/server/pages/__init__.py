"""The status page, rendered here and working without scripts."""
