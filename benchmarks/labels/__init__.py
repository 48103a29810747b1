"""What the planner of labels is worth, where all labels are known."""
