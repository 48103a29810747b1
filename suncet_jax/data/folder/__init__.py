"""Image files of the user's own, in class folders or CSV lists."""
