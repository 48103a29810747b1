"""Conversion of checkpoints: PyTorch's layouts, safetensors, npz, StableHLO.

    python -m suncet_jax.convert resnet50.pth --out=resnet50.safetensors
    python -m suncet_jax.convert runs/digits --out=encoder.npz

docs/checkpoints.md lists the layouts and what is kept of each. Nothing is ever
unpickled. PyTorch is needed for its own files only.
"""
