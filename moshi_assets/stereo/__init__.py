"""Mono parts become two-channel recordings and their index; the asset `stereo_pairs`."""
