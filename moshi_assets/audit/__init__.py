"""A dataset judged from its files alone: how far it is, and whether everything in it holds."""
