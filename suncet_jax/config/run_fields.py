"""Fields of a run: model, optimizer, training, evaluation, log."""

import re
from collections.abc import Mapping

from suncet_jax.architectures import (
  CONVOLUTIONS,
  HEAD_LAYERS,
  MODEL_NAMES,
  POOLS,
  PRECISIONS,
  STEMS,
  WIDTHS,
)
from suncet_jax.config.network_fields import GLOBAL_LOCAL, LIRA
from suncet_jax.fields import (
  BELOW_ONE,
  NOT_NEGATIVE,
  POSITIVE,
  SHARE,
  Check,
  Field,
  Fields,
  at_least,
  one_of,
)

_RATE = "a learning rate that float32 can hold"

SEED = Field(
  0,
  "Seed of everything random: weights, order of images, views, data splits.",
  # JAX's random keys would drop the upper bits of a larger seed.
  Check(lambda v: 0 <= v < 2**31, "at least 0 and below 2**31"),
)
PRECISION = Field(
  "float32",
  'dtype of activations and their products: "float32" or "bfloat16". '
  "Parameters, statistics, sums and losses are float32 in both. "
  '("float64": tests.)',
  one_of(*PRECISIONS),
)

MODEL: Fields = {
  "name": Field("resnet50", "Architecture.", one_of(*MODEL_NAMES)),
  "width": Field(1, "Factor of all channels; ResNets only.", one_of(*WIDTHS)),
  "stem": Field("imagenet", "First layers; ResNets only.", one_of(*STEMS)),
  "convolution": Field(
    "auto",
    '"auto": on one CPU device oneDNN\'s, if it is there (python -m '
    "suncet_jax.doctor says), else XLA's. \"xla\": XLA's everywhere.",
    one_of(*CONVOLUTIONS),
  ),
  "zero_init_residual": Field(
    False, "Whether each residual block starts as its shortcut."
  ),
  # Of vision transformers.
  "vit": {
    "pool": Field(
      "class",
      'ViTs: features; "class": the class token, "mean": the mean over '
      "patches, without a class token.",
      one_of(*POOLS),
    ),
    "registers": Field(
      0,
      "ViTs: tokens that belong to no patch; DINOv2 has 0 or 4.",
      NOT_NEGATIVE,
    ),
    "layer_scale": Field(
      0.0,
      "ViTs: factor of what each layer adds, at the start, such as DINOv2's "
      "1e-5; 0: none.",
      NOT_NEGATIVE,
    ),
    "image_size": Field(
      0,
      "ViTs: pixels of the images that the position embeddings are of; those "
      "of other sizes are interpolated. 0: augment.size.",
      NOT_NEGATIVE,
    ),
    "norm_epsilon": Field(
      1e-6,
      "ViTs: number that the norms add to variances; Hugging Face's ViTModel "
      "has 1e-12.",
      POSITIVE,
    ),
  },
  "global_local": GLOBAL_LOCAL,
  "lira": LIRA,
  "head": {
    "layers": Field(
      2, "Dense layers of the projection head.", one_of(*HEAD_LAYERS)
    ),
    "hidden": Field(
      0, "Units of all but the last; 0: as many as features.", NOT_NEGATIVE
    ),
    "out": Field(128, "Units of the last.", POSITIVE),
    "batch_norm": Field(False, "Whether a norm follows each hidden layer."),
    "output_batch_norm": Field(
      False, "Whether a norm without bias follows the last layer."
    ),
  },
}

_PINNED = re.compile("(?:[0-9a-f]{64})?")

INIT: Fields = {
  "weights": Field(
    "",
    "Weights to start from: a file (.safetensors, .npz, .pth), folder of a run "
    "or of Hugging Face or timm, local or gs://; empty: random numbers. What "
    "`python -m suncet_jax.convert` reads.",
  ),
  "parts": Field(
    ("backbone",),
    'What is taken of them: "backbone", and heads by name, such as '
    '"projection"; the others are drawn anew.',
    Check(
      lambda v: len(v) > 0 and len(set(v)) == len(v), "at least one, each once"
    ),
  ),
  "network": Field(
    "",
    "Network of a file with several, by the prefix of its names or a part of "
    'that, such as "encoder_q", "teacher" or "target_encoder".',
  ),
  "sha256": Field(
    "",
    "SHA-256 that the file must have; a run sets it as it begins. Of a run's "
    "folder it is over the arrays of the checkpoint.",
    Check(lambda v: bool(_PINNED.fullmatch(v)), "64 hexadecimal digits"),
  ),
}

# Which layers move, and how fast: in pre-training, and in `evals.finetune`.
TUNING: Fields = {
  "layer_decay": Field(
    1.0,
    "Factor of the learning rate from a block of the backbone to the one "
    "before it; heads have the whole rate, the stem the smallest.",
    SHARE,
  ),
  "frozen_blocks": Field(
    0,
    "First blocks of the backbone that stay as they are, with the stem, their "
    "norms in evaluation mode; 0: none, -1: the whole backbone.",
    at_least(-1),
  ),
  "frozen_norms": Field(
    False,
    "Whether all batch norms of the backbone use their running statistics in "
    "training, and keep them.",
  ),
}

# Of pre-training and of `evals.finetune` alike.
LORA: Fields = {
  "lora_rank": Field(
    0,
    "Rank of adapters (LoRA, arXiv 2106.09685) that are trained in place of "
    "the backbone, whose kernels they are added to; 0: none.",
    NOT_NEGATIVE,
  ),
  "lora_alpha": Field(
    16.0, "Its quotient with the rank scales the adapters.", POSITIVE
  ),
}

# What the optimizer of a part may have for itself; see `config.parts`.
OPTIM_OF_A_PART: Mapping[str, Field] = {
  "name": Field(
    "lars",
    'Optimizer; "larc": LARS as SwAV and SuNCEt\'s first release have it.',
    one_of("lars", "larc", "sgd", "adam", "adamw"),
  ),
  "schedule": Field(
    "cosine",
    'Course of the learning rate after the warm-up; "cosine_7_16": '
    "peak cos(7 pi t / (16 T)), FixMatch's, which ends at 0.195 of the peak.",
    one_of("cosine", "cosine_7_16"),
  ),
  "start_lr": Field(
    0.0, "Learning rate at step 0.", Check(lambda v: 0 <= v < 1e30, _RATE)
  ),
  "peak_lr": Field(
    1.0,
    "Learning rate after the warm-up.",
    Check(lambda v: 0 < v < 1e30, f"{_RATE}, > 0"),
  ),
  "final_lr": Field(
    0.0, "cosine: learning rate at the last step.", NOT_NEGATIVE
  ),
  "warmup_epochs": Field(
    0.0, "Epochs in which the learning rate rises.", NOT_NEGATIVE
  ),
  "warmup_includes_peak": Field(
    False, "Whether the last step of the warm-up has the peak, as in SwAV."
  ),
  "momentum": Field(0.9, "Momentum of the updates.", BELOW_ONE),
  "second_momentum": Field(
    0.999,
    "adam, adamw: momentum of the squared gradients, beta 2; beta 1 is "
    "momentum.",
    BELOW_ONE,
  ),
  "epsilon": Field(
    1e-8, "adam, adamw: added to the root of the squared gradients.", POSITIVE
  ),
  "nesterov": Field(False, "Whether the momentum is Nesterov's."),
  "lr_in_momentum": Field(
    True,
    "lars: whether updates are scaled by the learning rate before momentum "
    "sums them, as in SimCLR, or after; the others: always after.",
  ),
  "weight_decay": Field(0.0, "Factor of the weight decay.", NOT_NEGATIVE),
  "trust_coefficient": Field(
    0.001, "lars, larc: ratio of update norm to parameter norm.", POSITIVE
  ),
  "exclude_bias_and_norm": Field(
    False,
    "Whether biases and norm parameters get neither decay nor LARS scaling.",
  ),
}
OPTIM: Fields = {
  **OPTIM_OF_A_PART,
  **TUNING,
  **LORA,
  # By part of the model, what differs there: no field has a default.
  "parts": {},
}

TRAIN: Fields = {
  "epochs": Field(
    100,
    "Epochs over the unlabelled pool, the last incomplete batch dropped.",
    POSITIVE,
  ),
  "max_skipped_in_a_row": Field(
    10,
    "Steps with a loss or gradient that is not finite change nothing; so many "
    "in a row end the run.",
    POSITIVE,
  ),
  "debug_nans": Field(
    False,
    "Whether to stop at the operation that makes the first NaN.",
    decides_result=False,
  ),
  # Two options that save memory.
  "remat": Field(
    False,
    "Whether to keep only what goes into each block and compute the "
    "block again for its gradient; the same result in less memory.",
  ),
  "micro_batches": Field(
    1,
    "Parts in which the network sees a batch, each with a batch norm of its "
    "own, computed again for the gradient; the losses see all rows.",
    POSITIVE,
  ),
  "ema_decay": Field(
    0.0,
    "Evaluate an exponential moving average of the weights and of the norms' "
    "statistics over the steps, such as 0.999; 0: the weights themselves.",
    BELOW_ONE,
  ),
  "compilation_cache": Field(
    True,
    "Whether to keep compiled programs in ~/.cache/suncet_jax for all runs: "
    "later ones start sooner.",
    decides_result=False,
  ),
}

# A method's default has the evaluation by which it classifies besides.
FINAL = Field(
  ("knn", "soft_nn", "linear", "finetune"),
  "Evaluations on the test images at the end; the default of a method that has "
  "a classifier of its own begins with it.",
)
EVALS: Fields = {
  "batch_size": Field(256, "Images per evaluated batch.", POSITIVE),
  "image_size": Field(
    0,
    "Pixels that images are resized to for evaluation; 0: as they are. A "
    "network whose strides do not divide the size sees other borders than in "
    "training, and fine-tuning suffers from it.",
    NOT_NEGATIVE,
  ),
  "every_epochs": Field(
    1.0,
    "Epochs between kNN, and the method's own classifier, on the validation "
    "images; 0: never.",
    NOT_NEGATIVE,
  ),
}

LOG: Fields = {
  "every_steps": Field(
    10, "Steps between two rows of metrics.", POSITIVE, decides_result=False
  ),
  "tensorboard": Field(
    True, "Whether to write TensorBoard events.", decides_result=False
  ),
  "report": Field(
    True,
    "Whether to write report.html when the run is done.",
    decides_result=False,
  ),
}

CHECKPOINT: Fields = {
  "every_epochs": Field(
    1.0, "Epochs between two checkpoints.", POSITIVE, decides_result=False
  ),
  "keep": Field(2, "Newest checkpoints kept.", POSITIVE, decides_result=False),
  "keep_every_epochs": Field(
    0,
    "Also keep one for good every so many epochs; 0: no.",
    NOT_NEGATIVE,
    decides_result=False,
  ),
}
