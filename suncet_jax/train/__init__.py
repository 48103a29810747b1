"""Training: state, step, loop and what is written while it runs."""
