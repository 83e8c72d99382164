"""A line of the dialogue file becomes a Dialogue or a Reject."""
