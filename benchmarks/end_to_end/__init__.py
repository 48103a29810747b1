"""Times input and step together, beside torchvision and PyTorch."""
