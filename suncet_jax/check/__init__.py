"""The command that looks at a data set before training."""
