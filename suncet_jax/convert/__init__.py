"""Checkpoints in and out: PyTorch's layouts, safetensors, npz, StableHLO.

    python -m suncet_jax.convert resnet50.pth --out=resnet50.safetensors
    python -m suncet_jax.convert runs/digits --out=encoder.npz

docs/checkpoints.md tells the layouts and what is kept of them. Nothing is ever
unpickled. PyTorch is only needed for its own files.
"""
