"""Training: state, step, loop and the files written while it runs."""
