"""Whether the recommendation of a verdict wins."""
