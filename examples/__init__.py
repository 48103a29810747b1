"""Examples: scripts to run, and a method as a user would add one."""
