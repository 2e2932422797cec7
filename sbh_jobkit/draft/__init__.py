"""A notebook's cells and names on their way to a plugin: chosen, put into files, and tried."""
