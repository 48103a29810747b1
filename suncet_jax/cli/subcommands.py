"""The subcommands: what each does, takes and is called with.

Their help stands here, and not in the modules that do the work, so that it
comes without loading them.
"""

from collections.abc import Mapping
from typing import NamedTuple

_FIELD = (
  "--config.x.y=VALUE",
  "sets a field; the subcommand fields lists them",
)
_CONFIG = (
  "--config=NAME[:a=b,...]",
  "digits, fashion_mnist, cifar10, folder, imagenet,\nor a file of your own",
)


class Subcommand(NamedTuple):
  """A subcommand.

  Attributes:
    summary: What it does, in a line.
    module: Module that does it.
    usage: Words behind the subcommand.
    options: Flags with their meaning, which may have several lines.
    example: Words of an example.
    positionals: Flags of the module that the words without -- fill, in order;
      None: the module itself takes such words.
    required: Flags that must be given, with the words of the usage for them.
    note: What else is to know.
  """

  summary: str
  module: str
  usage: str
  options: tuple[tuple[str, str], ...]
  example: str
  positionals: tuple[str, ...] | None = None
  required: Mapping[str, str] = {}
  note: str = ""


SUBCOMMANDS: Mapping[str, Subcommand] = {
  "train": Subcommand(
    "trains on few labels, measures, and writes a report",
    "suncet_jax.main",
    "--config=NAME RUN [--config.x.y=VALUE ...]",
    (
      _CONFIG,
      _FIELD,
      ("RUN", "folder of the run, local or gs://; made if need be"),
      ("--[no]distributed", "whether to connect the processes of a cluster"),
      (
        "--coordinator=HOST:PORT",
        "process 0, where JAX does not find it; with",
      ),
      ("--process_count=N", "the number of processes, and"),
      ("--process_id=N", "which of them this is, from 0"),
    ),
    "--config=digits runs/digits",
    ("workdir",),
    {"config": "--config=NAME", "workdir": "RUN"},
    "The same command goes on where it stopped, or prints a finished result.",
  ),
  "evaluate": Subcommand(
    "measures a checkpoint of a run again",
    "suncet_jax.evaluate",
    "RUN [--evals=NAMES] [--step=N]",
    (
      ("RUN", "folder of the run"),
      (
        "--evals=NAME,...",
        "evaluations, such as knn,linear; by default the\nrun's",
      ),
      ("--step=N", "which checkpoint; by default the newest"),
    ),
    "runs/digits --evals=knn,linear",
    ("workdir",),
    {"workdir": "RUN"},
  ),
  "predict": Subcommand(
    "writes the classes of images, as a run's classifier sees them",
    "suncet_jax.predict",
    "RUN IMAGES ... [--out=FILE.csv]",
    (
      ("RUN", "folder of a finished run, or exported classifier"),
      ("IMAGES", "image files, folders, CSV lists with a column path"),
      ("--out=FILE.csv", "file to write (predictions.csv)"),
      (
        "--sheet=FILE.png",
        "sheet of the images that are least certain; or a page,\n.html",
      ),
      ("--batch_size=N", "images that go through the network at a time"),
    ),
    "runs/mine images/ --out=predictions.csv",
  ),
  "labels": Subcommand(
    "says what more labels are worth, and which images to label",
    "suncet_jax.labels.__main__",
    "curve RUN [TRAIN TEST] | choose RUN IMAGES",
    (
      ("RUN", "folder of a run, or weights"),
      ("TRAIN, TEST", "labelled images, folders or CSV files; or the run's"),
      ("--target=SHARE", "accuracy to reach, such as 0.9"),
      ("--counts=N,...", "labels per class that are tried"),
      ("--draws=N", "subsets of each (8)"),
      ("IMAGES", "image files, folders, CSV lists with a column path"),
      ("--count=N", "images to choose (50)"),
      (
        "--by=NAME",
        "curve: logistic, knn, soft_nn; choose: typical,\nspread, "
        "random, uncertain",
      ),
      ("--labelled=PLACE", "images that have a label"),
      ("--sheet=FILE", "page .html or sheet .png of those chosen"),
      ("--out=PLACE", "folder of the curve, list of those chosen"),
    ),
    "choose runs/mine photographs/ --count=50",
  ),
  "compare": Subcommand(
    "runs a grid of methods, labels and seeds, and reports on it",
    "suncet_jax.compare.__main__",
    "--config=NAME --labels=N,... FOLDER",
    (
      _CONFIG,
      _FIELD,
      ("FOLDER", "folder of the comparison; made if need be"),
      ("--labels=N,...", "labelled images per class, one comparison each"),
      ("--methods=NAME,...", "methods; METHOD@0.5 has half of the budget"),
      ("--seeds=N,...", "seeds, a run for each (0,1,2)"),
      ("--variant=x.y=VALUE,...", "repeats each method with fields changed"),
      ("--points=N", "checkpoints of a run that are measured, about (6)"),
      ("--parallel=N", "runs side by side (1)"),
    ),
    "--config=digits --labels=5 runs/comparison",
    ("workdir",),
    {
      "config": "--config=NAME",
      "labels": "--labels=N,...",
      "workdir": "FOLDER",
    },
    "The same command goes on where it stopped.",
  ),
  "verdict": Subcommand(
    "says which way to use labels suits your images",
    "suncet_jax.verdict.__main__",
    "--config=NAME FOLDER [--weights=FILE]",
    (
      _CONFIG,
      _FIELD,
      ("FOLDER", "folder of the verdict; made if need be"),
      ("--weights=FILE", "weights to start from"),
      ("--labels=N", "labelled images per class"),
      ("--tried=NAME,...", "methods of pre-training"),
      ("--seeds=N,...", "seeds, a run of each candidate for each (0,1,2)"),
      ("--rounds=N", "rounds, each with twice the budget of the last (3)"),
      ("--parallel=N", "runs side by side (1)"),
    ),
    "--config=digits --labels=4 runs/verdict",
    ("workdir",),
    {"config": "--config=NAME", "workdir": "FOLDER"},
    "The same command goes on where it stopped.",
  ),
  "report": Subcommand(
    "shows finished or running runs in one page",
    "suncet_jax.report.__main__",
    "RUN ... [--out=FILE.html]",
    (
      ("RUN", "folder of a run; several are compared"),
      ("--out=FILE.html", "page to write (report.html, in this folder)"),
    ),
    "runs/a runs/b --out=ab.html",
  ),
  "check": Subcommand(
    "looks at a data set, and proposes numbers that fit it",
    "suncet_jax.check.__main__",
    "TRAIN [TEST [UNLABELLED]]  or  --config=NAME",
    (
      ("TRAIN", "folder with one sub-folder per class, or a CSV file"),
      (
        "TEST",
        "the same, of the test images; if there are none:\n"
        "--config.data.test_fraction=0.2 splits some off",
      ),
      ("UNLABELLED", "folder of further images, if any"),
      ("--pictures=FILE.png", "sheet to write, with images of each class"),
      _CONFIG,
      _FIELD,
    ),
    "data/train data/test",
    ("data.train", "data.test", "data.unlabelled"),
    {"config": "TRAIN TEST, or --config=NAME"},
    "It ends with code 1 if a run would stop at the files that do not decode, "
    "and\nwith 2 if it would refuse the data or the configuration.",
  ),
  "prepare": Subcommand(
    "prepares a data set of TensorFlow Datasets, or converts one",
    "suncet_jax.prepare.__main__",
    "DATASET [--data_dir=FOLDER]",
    (
      ("DATASET", "name in TFDS, such as imagenet2012"),
      (
        "--data_dir=FOLDER",
        "folder of TFDS; $TFDS_DATA_DIR, or\n~/tensorflow_datasets",
      ),
      ("--manual_dir=FOLDER", "archives that were fetched by hand"),
      (
        "--file_format=FORMAT",
        "array_record, for random access on a disk, or\ntfrecord",
      ),
    ),
    "imagenet2012 --data_dir=/data/tfds",
    ("dataset",),
    {"dataset": "DATASET"},
  ),
  "convert": Subcommand(
    "converts weights, from and to PyTorch, safetensors, StableHLO",
    "suncet_jax.convert.__main__",
    "INPUT --out=OUTPUT [--to=LAYOUT]",
    (
      ("INPUT", "folder of a run, folder or file of weights"),
      ("--out=OUTPUT", "folder, or file .safetensors .npz .pth .stablehlo"),
      ("--to=LAYOUT", "layout that names the tensors"),
      ("--normalise=NAME", "normalisation of images, in place of the layout's"),
      ("--stem=NAME", "stem of the input, in place of what its kernel says"),
      ("--wrapper=KEY", "key of the state dict in a PyTorch file"),
      ("--part=NAME", "network in a file with several; head of a run"),
      ("--size=PIXELS", "height and width of the images of a .stablehlo"),
    ),
    "runs/digits --out=encoder.safetensors",
  ),
  "preflight": Subcommand(
    "says whether a training fits on devices that are not here",
    "suncet_jax.preflight.__main__",
    "--on=DEVICES [--out=FOLDER]",
    (
      _CONFIG,
      ("--on=DEVICES", "such as v5e:8x8,h100x8"),
      ("--fit", "also finds the largest batch that fits"),
      ("--price=X", "price of a device for an hour"),
      ("--classes=N, --images=N", "of a data set that is not known here"),
      ("--out=FOLDER", "folder of preflight.json and preflight.html"),
      _FIELD,
    ),
    "--config=imagenet --on=v5e:8x8",
    required={"on": "--on=DEVICES"},
  ),
  "doctor": Subcommand(
    "says what this installation computes with, and why",
    "suncet_jax.doctor",
    "",
    (),
    "",
  ),
  "fields": Subcommand(
    "lists the fields of a configuration: meaning, default, bound",
    "suncet_jax.cli.fields",
    "[PATTERN] [--method=NAME]",
    (
      ("PATTERN", "part of a name or of a meaning, or a name with *"),
      ("--method=NAME", "only what a run of this method has"),
    ),
    "optim",
    note="A field is set by --config.NAME=VALUE of train, compare and check.",
  ),
}
