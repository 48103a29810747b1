"""Parts of the check: each has `run(context)`, and a process of its own."""
