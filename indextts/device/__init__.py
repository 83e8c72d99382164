"""What a device can do: captured steps, compiled modules, streams, number formats, packed weights. Knows no model."""
