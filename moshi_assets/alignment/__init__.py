"""Word times: aligners that tell when each word of a known text is heard. `base` holds the protocol."""
