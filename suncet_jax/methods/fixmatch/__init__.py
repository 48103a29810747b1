"""FixMatch: confident predictions of weak views label strong ones."""
