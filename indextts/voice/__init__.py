"""A prompt becomes conditioning: features, encoder, cache, emotions."""
