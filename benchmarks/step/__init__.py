"""Times whole training steps, their memory, and the layers of ResNet-50."""
