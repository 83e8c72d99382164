"""Abilities of a device: captured steps, compiled functions, streams, number formats, packed weights. No models."""
