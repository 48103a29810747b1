"""Classifies with a trained encoder and scikit-learn's logistic regression.

    python -m suncet_jax.main --config=configs/digits.py --workdir=runs/digits
    python examples/logistic_regression.py runs/digits

The encoder is one step of a scikit-learn pipeline that learns from 50 labelled
digits. It is tested on those that the run has kept for tests.
"""

import sys

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from suncet_jax import load_encoder
from suncet_jax.config import base
from suncet_jax.data.load import load


def main(run: str) -> None:
  """Prints the accuracy with the encoder and on bare pixels.

  Args:
    run: Folder of a run of configs/digits.py.
  """
  digits = load(base())
  images, _, labels, _ = train_test_split(
    digits.train.pixels,
    digits.train.labels,
    train_size=50,
    stratify=digits.train.labels,
    random_state=0,
  )
  for name, features in (
    ("encoder", load_encoder(run)),
    ("pixels", lambda images: images.reshape(len(images), -1) / 255),
  ):
    classifier = make_pipeline(
      FunctionTransformer(features),
      StandardScaler(),
      LogisticRegression(max_iter=1000),
    )
    classifier.fit(images, labels)
    accuracy = classifier.score(digits.test.pixels, digits.test.labels)
    print(f"{name}: {accuracy:.1%} of {len(digits.test.labels)} digits")


if __name__ == "__main__":
  if len(sys.argv) != 2:
    sys.exit("usage: python examples/logistic_regression.py RUN")
  main(sys.argv[1])
