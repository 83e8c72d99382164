"""Cleaning: what is written in a turn but never said is taken off."""
