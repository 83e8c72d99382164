"""A prompt becomes conditioning: features, encoder, cache, and emotions."""
