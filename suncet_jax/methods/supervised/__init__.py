"""Cross-entropy on the labelled images alone."""
