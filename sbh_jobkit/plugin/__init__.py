"""What an author wrote, loaded."""
