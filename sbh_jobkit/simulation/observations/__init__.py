"""What a simulation saw that is probably not meant, though nothing failed."""
