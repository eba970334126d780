"""The nouns of the protocol: frozen records and their wire layouts."""
