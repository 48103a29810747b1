"""SimCLR: instance discrimination, without labels."""
