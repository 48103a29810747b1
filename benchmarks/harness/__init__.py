"""Shared parts of the benchmarks: workers, columns, options and tables."""
