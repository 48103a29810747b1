"""Fields of `config.data`, `config.augment` and `config.multicrop`."""

from collections.abc import Mapping

from suncet_jax.config.clip_fields import DATA_CLIPS
from suncet_jax.fields import (
  BELOW_ONE,
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  Check,
  Field,
  Fields,
  at_least,
  interval,
  one_of,
)

SOURCES = ("digits", "tfds", "folder", "arrays", "clips")
READINGS = ("memory", "random", "streaming")

_LABELLED: Fields = {
  "per_class": Field(
    0,
    "Labelled images per class. Set exactly one of per_class, fraction, file.",
    NOT_NEGATIVE,
  ),
  "fraction": Field(
    0.0,
    "Share of each class that is labelled, in (0, 1]; 1: all but the "
    "validation images.",
    FRACTION,
  ),
  "file": Field(
    "",
    "List of labelled images: an image name (TFDS file_name, path within the "
    "folder) or an index per line; or tfds:imagenet2012_subset/10pct, the list "
    "that TFDS uses.",
  ),
  "classes_per_batch": Field(
    10, "Classes per step; 0: all, or 20 if there are more.", NOT_NEGATIVE
  ),
  "images_per_class": Field(2, "Images per step and class.", POSITIVE),
  "views": Field(1, "Augmented views of each labelled image.", POSITIVE),
  "in_pool": Field(
    True, "Whether labelled images are in the unlabelled pool, too."
  ),
}
_VALIDATION: Fields = {
  "per_class": Field(
    0,
    "Images per class held out of the training set, for monitoring; disjoint "
    "from the labelled ones.",
    NOT_NEGATIVE,
  ),
  "file": Field("", "Instead of per_class: a list as data.labelled.file."),
  "in_pool": Field(
    False,
    "Whether their images, not their labels, stay in the unlabelled pool.",
  ),
}

DATA: Fields = {
  "source": Field(
    "digits",
    '"digits" (embedded), "tfds", "folder" (of your own images), "arrays" '
    '(given to `run` in Python), or "clips" (videos with sound).',
    one_of(*SOURCES),
  ),
  "tfds_name": Field("", 'Name of the data set in TFDS, e.g. "cifar10".'),
  "data_dir": Field(
    "",
    "Folder of TFDS; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets.",
    decides_result=False,  # a digest checks that the images are the same
  ),
  "test_split": Field(
    "test", "Split of TFDS that only the final evaluation touches."
  ),
  "train": Field(
    "",
    "folder: class sub-folders, or a CSV file with the columns path and label "
    "(empty: unlabelled). Local or gs://.",
    decides_result=False,
  ),
  "test": Field("", "The same, of the test images.", decides_result=False),
  "test_fraction": Field(
    0.0,
    "folder: in place of test, the share of each class's labelled training "
    "images that becomes the test set, at least one of each; 0: none.",
    BELOW_ONE,
  ),
  "test_seed": Field(
    0,
    "Seed of test_fraction. It is not `seed`, so that runs with other seeds "
    "are measured on the same images.",
    NOT_NEGATIVE,
  ),
  "unlabelled": Field(
    "", "folder: further images without labels, if any.", decides_result=False
  ),
  "class_names": Field(
    "",
    "folder: labels that are classes although they read as a missing one, with "
    'commas between, such as "NA,-1".',
    decides_result=False,  # a digest checks that the labels are the same
  ),
  "reading": Field(
    "memory",
    'tfds: "memory": all images decoded in memory. Else image files, decoded '
    'and cropped on the host: "random": random access (array_record on a '
    'disk); "streaming": tfrecord, on a disk or gs://, shuffled in blocks; the '
    "order then depends on the number of processes.",
    one_of(*READINGS),
  ),
  "block_shards": Field(
    8, "streaming: shards that are pooled and permuted.", POSITIVE
  ),
  "memory_limit_gb": Field(
    32.0,
    "streaming: limit of what each process holds, blocks and labelled images, "
    "in 10^9 bytes.",
    POSITIVE,
    decides_result=False,
  ),
  "workers": Field(
    0,
    "Threads that decode image files; 0: one per CPU.",
    NOT_NEGATIVE,
    decides_result=False,
  ),
  "max_bad_fraction": Field(
    0.001,
    "Share of image files that may be impossible to decode.",
    FRACTION,
    decides_result=False,
  ),
  "resize": Field(
    256,
    "Image files: evaluation resizes the short side to so many pixels ...",
    POSITIVE,
  ),
  "centre_crop": Field(224, "... and takes the centre, in pixels.", POSITIVE),
  "batch_size": Field(
    256, "Unlabelled images per step, over all devices.", POSITIVE
  ),
  "clips": DATA_CLIPS,
  "labelled": _LABELLED,
  "validation": _VALIDATION,
  "split_seed": Field(
    -1,
    "Seed of the labelled subset and of validation; -1: as `seed`.",
    Check(lambda v: -1 <= v < 2**31, "-1, or as seed"),
  ),
}

_CROP_SCALE = interval(1.0)

AUGMENT: dict[str, Field] = {
  "size": Field(32, "Height and width of a view, in pixels.", POSITIVE),
  "crop_scale": Field(
    (0.08, 1.0), "Area of a crop as a share of the image's.", _CROP_SCALE
  ),
  "crop_ratio": Field((3 / 4, 4 / 3), "Width / height of a crop.", interval()),
  "pad_crop": Field(
    0,
    "Pixels of a mirrored border, from which a window of the same size is "
    "taken in place of the resized crop; 0: none. Not for image files.",
    NOT_NEGATIVE,
  ),
  "flip_prob": Field(
    0.5, "Probability of a mirror image, left to right.", FRACTION
  ),
  "operations": Field(
    0, "Layers of RandAugment's 14 operations.", NOT_NEGATIVE
  ),
  "operation_prob": Field(
    0.5, "Probability of an operation, per layer.", FRACTION
  ),
  "operation_levels": Field(
    (1, 9), "Least and largest level of an operation, of 10.", interval(10)
  ),
  "cutout": Field(
    0.0, "Side of a grey square, as a share of the view's.", FRACTION
  ),
  "jitter_prob": Field(
    0.8, "Probability of the four colour operations that follow.", FRACTION
  ),
  "brightness": Field(0.8, "As torchvision's ColorJitter.", NOT_NEGATIVE),
  "contrast": Field(0.8, "As torchvision's ColorJitter.", NOT_NEGATIVE),
  "saturation": Field(0.8, "As torchvision's ColorJitter.", NOT_NEGATIVE),
  "hue": Field(
    0.2,
    "As torchvision's ColorJitter, in turns of the colour circle.",
    Check(lambda v: 0 <= v <= 0.5, "between 0 and 0.5"),
  ),
  "grayscale_prob": Field(
    0.2, "Probability of dropping the colours.", FRACTION
  ),
  "blur_prob": Field(0.5, "Probability of a Gaussian blur.", FRACTION),
  "blur_sigma": Field(
    (0.1, 2.0), "Its standard deviation, in pixels of the view.", interval()
  ),
  "solarize_prob": Field(
    0.0, "Probability of inverting bright pixels.", FRACTION
  ),
  "equalize_prob": Field(
    0.0, "Probability of flattening each channel's histogram.", FRACTION
  ),
  "mean": Field((), "Subtracted per channel; empty: images stay in [0, 1]."),
  "std": Field((), "Divided by per channel; empty exactly if mean is."),
}

# Views that a method declares besides: a group of the configuration for each.
# Size, mean and std are those of AUGMENT.
_OF_ONE_VIEW = {
  **{k: v for k, v in AUGMENT.items() if k not in ("size", "mean", "std")},
  "jitter_prob": AUGMENT["jitter_prob"]._replace(default=0.0),
  "grayscale_prob": AUGMENT["grayscale_prob"]._replace(default=0.0),
  "blur_prob": AUGMENT["blur_prob"]._replace(default=0.0),
}
OTHER_VIEWS: Mapping[str, Fields] = {
  "weak": {
    **_OF_ONE_VIEW,
    "crop_scale": AUGMENT["crop_scale"]._replace(default=(0.2, 1.0)),
  },
  "strong": {
    **_OF_ONE_VIEW,
    "crop_scale": AUGMENT["crop_scale"]._replace(default=(0.2, 1.0)),
    "operations": AUGMENT["operations"]._replace(default=2),
    "cutout": AUGMENT["cutout"]._replace(default=0.5),
  },
}

MULTICROP: Fields = {
  "views": Field(
    0,
    "Further small crops of each unlabelled image, for methods that take them; "
    "but for these fields they are as config.augment.",
    at_least(0),
  ),
  "size": Field(96, "Height and width of a small view, in pixels.", POSITIVE),
  "crop_scale": Field(
    (0.05, 0.14), "Area of a small crop as a share.", _CROP_SCALE
  ),
}
