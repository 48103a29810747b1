"""Your own images, from DINOv2's ViT-S/14: **unverified**.

Purpose: semi-supervised training of a vision transformer that was trained by
others, on one GPU or TPU. It was never run; docs/accelerators.md has its
network compiled, with larger batches and FixMatch's own optimizer.

    python -m suncet_jax.main --workdir=runs/mine \
        --config=configs/dinov2.py:train=/data/train,test=/data/test \
        --config.init.weights=dinov2_vits14_pretrain.pth

The argument is that of configs/folder.py, with other defaults: `model=vit_s14`,
`size=224`, `batch=64`. With `model=vit_b14` and Meta's file of that size it is
ViT-B; weights with registers want `--config.model.vit.registers=4`, and the
shapes of another size or pool are said when they do not fit. With adapters in
place of the backbone: `--config.optim.lora_rank=8`.

Expected figures: none are published for it. Compare with frozen features, by
`python -m suncet_jax.verdict`, before any long run.

Sources of the numbers: shapes are DINOv2's (arXiv 2304.07193, and its release);
AdamW of rate 1e-3, layer decay 0.65, weight decay 5e-4, a warm-up of 2.5 % and
no averaged weights are those of FixMatch with a ViT-S/16 on Semi-Aves in USB
(arXiv 2208.07204; microsoft/Semi-supervised-learning,
fixmatch_semi_aves_3959_0.yaml), whose batches are 8 + 8 images and which also
drops paths; the batch, and all else, are those of configs/folder.py.
"""

import ml_collections

from suncet_jax.config import load_config

_DEFAULTS = {"model": "vit_s14", "size": 224, "batch": 64}
_RATE, _LAYER_DECAY = 1e-3, 0.65
_SMALL = 98  # pixels of small views: seven patches


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Returns the configuration; `arg` is that of configs/folder.py."""
  given = list(filter(None, arg.split(",")))
  names = {item.partition("=")[0].strip() for item in given}
  given += [f"{k}={v}" for k, v in _DEFAULTS.items() if k not in names]
  config = load_config(f"folder:{','.join(given)}")

  config.precision = "bfloat16"
  config.model.vit.layer_scale = 1e-5
  config.model.vit.image_size = 518
  config.multicrop.size = _SMALL

  optim = config.optim
  optim.name = "adamw"
  optim.start_lr, optim.peak_lr = 0.0, _RATE
  if optim.schedule == "cosine":
    optim.final_lr = 0.0
  optim.warmup_epochs = 0.025 * config.train.epochs
  optim.momentum, optim.nesterov = 0.9, False
  optim.lr_in_momentum = True  # which is a word for LARS
  optim.weight_decay = 5e-4
  optim.exclude_bias_and_norm = True
  optim.layer_decay = _LAYER_DECAY
  config.train.ema_decay = 0.0

  config.evals.finetune.optimizer = "adamw"
  config.evals.finetune.learning_rate = _RATE
  config.evals.finetune.layer_decay = _LAYER_DECAY
  return config
