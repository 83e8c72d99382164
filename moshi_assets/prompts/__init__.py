"""A recording as a voice prompt: what is measured of it, whether it can serve, and what a file beside it says."""
