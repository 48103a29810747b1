"""Planner of labels: what more of them are worth, and which to make next."""
