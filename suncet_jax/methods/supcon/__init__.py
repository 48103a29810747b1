"""SupCon: labels alone, by contrast."""
