"""Check of a machine with one accelerator: `tools/accelerator_check.sh`."""
