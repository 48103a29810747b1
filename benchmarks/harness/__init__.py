"""What all benchmarks share: workers, columns, options and tables."""
