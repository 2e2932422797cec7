"""What each command of `sbh-jobkit` does; `cli.py` reads the words, these do the work and print."""
