"""Find problems in a plugin before it is deployed; one module for each kind of rule."""
