"""Models that listen to utterances: word errors, DNSMOS, speaker similarity."""
