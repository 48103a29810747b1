"""Shared by all benchmarks: workers, columns, options and tables."""
