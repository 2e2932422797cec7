"""Python as text: read without being run, and written as a formatter would. Nothing here knows what a plugin is."""
