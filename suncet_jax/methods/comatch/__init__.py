"""CoMatch: pseudo-labels and embeddings that teach each other."""
