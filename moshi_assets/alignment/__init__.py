"""Word times: aligners that find when each word of a known text is heard. `base` holds the protocol."""
