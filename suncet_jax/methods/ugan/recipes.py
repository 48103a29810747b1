"""UGAN's numbers on each data set, with their sources.

"Published" are those of the programs that its halves are known by, zhenxuan00's
triple-gan and kimiyoung's ssl_bad_gan, and of the first author's file of both;
which of its variants made the paper's tables is not known. All of them let the
players take turns, with rates that fall by a factor from epoch 300 on: here
they move together, and rates follow a cosine.
"""

from typing import Any

# Used where the argument of a configuration does not say.
EPOCHS = {
  "digits": 130,  # 1,950 steps
  "cifar10": 1000,
  "fashion_mnist": 20,
}
_PLAYERS = ("generator", "critic", "bad_generator")


def digits(config: Any) -> None:
  """Sets MLPs, 40 labelled and 80 unlabelled images per step, moved by a pixel.

  The weak view of the other methods. On one seed Bad GAN and UGAN came to 86 %
  with images as they are, and to 97 and 93 % with images moved by a pixel,
  though generators must learn to draw the moves. Sizes, rates and epochs were
  chosen here for a few minutes of one CPU core.
  """
  _images_as_they_are(config)
  config.weak.pad_crop = 1
  config.data.batch_size = 80
  config.data.labelled.classes_per_batch = 10
  config.data.labelled.images_per_class = 4
  config.data.labelled.views = 1
  config.method.networks, config.method.width = "mlp", 256
  config.method.unlabelled_start_epoch = 13.0
  config.method.generated_start_epoch = 39.0
  adam(config, peak_lr=1e-3, of_players=1e-3, ema_decay=0.99)
  # An epoch has 15 steps.
  config.evals.every_epochs = 13.0
  config.checkpoint.every_epochs = 13.0


def fashion_mnist(config: Any) -> None:
  """Sets the rates that the halves have for MNIST, and crops of the whole.

  Nothing was searched for, and nothing is known of it.
  """
  _images_as_they_are(config)
  config.data.labelled.views = 1
  adam(config, peak_lr=1e-3, of_players=1e-3, ema_decay=0.999)


def cifar10(config: Any) -> None:
  """Sets Triple-GAN's numbers for CIFAR-10, as far as they are known.

  Published: Adam of beta 1 = 0.5 and rates of 3e-3 (classifier) and 3e-4, 1,000
  epochs, averages 0.9999, the cross-entropy of generated images times 0.3 from
  epoch 200 on (the file says "check"), samples of 100 numbers, a generator of
  512, 256 and 128 channels. Open: the bad generator's network, the paper's
  classifier, and which of the variants made its tables.

  Chosen here: WRN-28-2 for the 13 layers of the program, 100 images of each
  kind per step, no pre-training of the classifier by itself but 30 epochs in
  which the generators learn and it sees labels alone.

  Published, unverified here: 14.41 % errors of Bad GAN and 4,000 labels; of
  UGAN and Triple-GAN no figure could be had.
  """
  _images_as_they_are(config)
  config.augment.mean = config.augment.std = (0.5, 0.5, 0.5)
  config.data.batch_size = 100
  config.data.labelled.classes_per_batch = 10
  config.data.labelled.images_per_class = 5
  config.model.name = "wrn28_2"
  config.model.zero_init_residual = False
  config.method.generated_weight = 0.3
  config.method.generated_start_epoch = 200.0
  config.method.unlabelled_start_epoch = 30.0
  adam(config, peak_lr=3e-3, of_players=3e-4, ema_decay=0.9999)


def folder(config: Any) -> None:
  """Sets CIFAR-10's optimizer; nothing was searched for.

  Images should be small, such as size=32: generators learn nothing of larger
  ones from a few thousand.
  """
  _images_as_they_are(config)
  adam(config, peak_lr=3e-3, of_players=3e-4, ema_decay=0.999)


def imagenet(config: Any) -> None:
  """Sets CIFAR-10's optimizer, so that it runs; nothing is known of it."""
  folder(config)


def adam(
  config: Any, *, peak_lr: float, of_players: float, ema_decay: float
) -> None:
  """Sets Adam with the beta 1 of DCGAN, and rates of encoder and players.

  Args:
    config: Configuration to change.
    peak_lr: Learning rate of the encoder.
    of_players: Learning rate of generators and critic.
    ema_decay: Decay of the averaged weights, which are evaluated.
  """
  optim = config.optim
  optim.name = "adam"
  optim.peak_lr = peak_lr
  optim.momentum = 0.5
  optim.weight_decay = optim.final_lr = optim.start_lr = 0.0
  optim.warmup_epochs = 0.0
  optim.parts = {name: {"peak_lr": of_players} for name in _PLAYERS}
  config.train.ema_decay = ema_decay


def _images_as_they_are(config: Any) -> None:
  """Sets views without augmentation."""
  config.weak.crop_scale = config.weak.crop_ratio = (1.0, 1.0)
  config.weak.flip_prob = 0.0
