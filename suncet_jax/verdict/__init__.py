"""Verdict: which way to use one's labels, found by validation images."""
