"""Reading and writing Python source."""
