"""The device mesh, the processes of a job, and this host."""
