"""Counts what a step sends between devices, and predicts its time on many."""
