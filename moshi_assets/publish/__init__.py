"""Manifest, dataset card and report of a finished dataset; the asset `manifest`."""
