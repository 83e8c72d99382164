"""Cleaning: removes parts of a turn that are written but never said."""
