"""Times the losses, value and gradient, beside those of other libraries."""
