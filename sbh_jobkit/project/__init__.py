"""Make a plugin from a notebook, and package it."""
