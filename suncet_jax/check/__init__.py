"""The command that checks a data set before training."""
