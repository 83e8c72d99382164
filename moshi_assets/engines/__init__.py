"""Engines: what speaks. `base` holds the protocol and the registry; each engine is one file."""
