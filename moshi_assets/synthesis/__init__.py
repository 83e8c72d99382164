"""Synthesis tasks become mono parts; the asset `mono_syntheses`."""
