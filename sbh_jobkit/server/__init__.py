"""The REST API and the status page beside a scheduler."""
