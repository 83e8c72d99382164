"""What else callers of the published class use: its arguments, attributes and methods."""
