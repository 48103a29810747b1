"""SimCLR + SuNCEt."""
