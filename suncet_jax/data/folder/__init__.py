"""The user's own image files, in class folders or CSV lists."""
