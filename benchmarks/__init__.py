"""Programs that measure the package: docs/benchmarks.md, docs/scaling.md."""
