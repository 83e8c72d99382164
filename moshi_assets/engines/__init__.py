"""Engines. `base` holds the protocol, `registry` the list; each engine has its own file."""
