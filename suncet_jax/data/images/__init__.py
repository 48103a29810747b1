"""Image files: decoded, cropped and resized on the host."""
