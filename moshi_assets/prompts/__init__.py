"""Recordings as voice prompts: their measures, whether they can serve, and the traits in a file beside them."""
