"""What `sbh-jobkit check` looks for: one module for each matter."""
