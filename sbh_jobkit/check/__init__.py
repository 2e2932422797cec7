"""What is wrong before it ships: one module a kind of rule."""
