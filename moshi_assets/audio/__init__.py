"""Samples: 16-bit conversion, resampling, loudness, silence."""
