"""Written text becomes token segments: normalisation, grammars, splitting, reading ahead."""
