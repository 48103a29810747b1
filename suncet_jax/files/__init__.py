"""Files on disk or in a bucket, and their formats."""
