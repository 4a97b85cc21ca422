"""Where do images come from? Sources, decoding, cache, near duplicates (paper §4.1.1), faces cut out of photos (§4.2)."""
