"""The one command, `suncet-jax`: a subcommand for each of the modules."""
