"""What weights to start from are worth, at equal images."""
