"""Lists of image names: text files, and those that TFDS knows."""

import contextlib
import functools
import http.server
import shutil
import threading

import pytest
from tensorflow_datasets.core.download import checksums, resource
from tensorflow_datasets.datasets.imagenet2012_subset import (
  imagenet2012_subset_dataset_builder as subset,
)

from suncet_jax.data import name_lists

_REFERENCE = "tfds:imagenet2012_subset/10pct"
_NAMES = ["n01440764_10183.JPEG", "n01440764_1.JPEG", "n15075141_9.JPEG"]


@pytest.fixture
def stand_in(tmp_path):
  """A file with three names."""
  path = tmp_path / "web" / "10percent.txt"
  path.parent.mkdir()
  path.write_text("\n".join(_NAMES) + "\n")
  return path


@pytest.fixture
def register(monkeypatch, stand_in):
  """Makes TFDS expect the stand-in at an address; returns its entry."""

  def entry(url):
    info = checksums.compute_url_info(stand_in)
    monkeypatch.setitem(subset.SUBSET2FILES, "10pct", url)
    monkeypatch.setattr(subset.Builder, "url_infos", {url: info})
    return info

  return entry


@pytest.fixture
def no_network(monkeypatch):
  monkeypatch.setattr(name_lists, "can_reach", lambda url: False)


@contextlib.contextmanager
def _serving(folder):
  """Serves a folder over HTTP; gives its address."""
  handler = functools.partial(_Silent, directory=folder)
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
  thread = threading.Thread(target=server.serve_forever, args=(0.01,))
  thread.start()
  try:
    yield f"http://127.0.0.1:{server.server_port}"
  finally:
    server.shutdown()
    server.server_close()
    thread.join()


class _Silent(http.server.SimpleHTTPRequestHandler):
  def log_message(self, *args):
    pass


def test_a_text_file(tmp_path):
  path = tmp_path / "names.txt"
  path.write_bytes(b"\xef\xbb\xbfb.JPEG\r\n\r\n  a.JPEG \n\nc/d.JPEG")
  assert name_lists.read_names(str(path), "") == [
    "b.JPEG",
    "a.JPEG",
    "c/d.JPEG",
  ]


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (None, "cannot be read.*one image name per line"),
    (b"\xff\xfe\x00", "cannot be read.*UTF-8"),
    (b"a\r\nb\0\r\n", "names.txt' cannot be read .line 2 holds a NUL byte"),
    (b"\n \n", "has no names"),
    ("K\xe4.png\nKa\u0308.png".encode(), "1 names more than once: K\xe4.png"),
    (b"a\nb\nc\na\nc\n", "2 names more than once: a, c"),
  ],
)
def test_a_file_that_is_no_list(tmp_path, content, message):
  path = tmp_path / "names.txt"
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(ValueError, match=message):
    name_lists.read_names(str(path), "")


def test_text_files_of_other_systems(tmp_path):
  path = tmp_path / "names.txt"
  for content in (
    b"K\xc3\xa4.png\rb.png\r",
    b"Ka\xcc\x88.png\r\r\nb.png",
    "\ufeffK\xe4.png\r\nb.png".encode("utf-16"),
  ):
    path.write_bytes(content)
    assert name_lists.read_names(str(path), "") == ["K\xe4.png", "b.png"]
  path.write_bytes(b"K\xe4.png\nb.png")  # no UTF-8: as the disk may have it
  assert name_lists.read_names(str(path), "") == ["K\\xe4.png", "b.png"]


def test_what_tfds_has_registered():
  url, info = name_lists._registered("tfds:imagenet2012_subset/1pct")
  assert url.endswith("imagenet_subsets/1percent.txt")
  assert info.filename == "1percent.txt"
  # 12,811 names of some twenty characters.
  assert 12_811 * 15 < info.size < 12_811 * 30


def test_a_list_is_downloaded_once(tmp_path, register, stand_in, monkeypatch):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  with _serving(stand_in.parent) as address:
    register(f"{address}/10percent.txt")
    assert name_lists.read_names(_REFERENCE, str(tmp_path / "data")) == _NAMES
  monkeypatch.setattr(name_lists, "can_reach", lambda url: False)
  assert name_lists.read_names(_REFERENCE, str(tmp_path / "data")) == _NAMES


def test_another_file_than_tfds_knows(
  tmp_path, register, stand_in, monkeypatch
):
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  with _serving(stand_in.parent) as address:
    register(f"{address}/10percent.txt")
    stand_in.write_text("n01440764_10183.JPEG\n")
    with pytest.raises(ValueError, match=r"download failed.*wrong checksum"):
      name_lists.read_names(_REFERENCE, str(tmp_path / "data"))


def test_what_tfds_has_downloaded_before(
  tmp_path, register, stand_in, no_network
):
  url = "https://example.org/10percent.txt"
  info = register(url)
  folder = tmp_path / "data" / "downloads" / "imagenet2012_subset"
  folder.mkdir(parents=True)
  place = folder / resource.get_dl_fname(url, info.checksum)
  shutil.copy(stand_in, place)
  resource.write_info_file(
    url=url,
    path=place,
    dataset_name="imagenet2012_subset",
    original_fname="10percent.txt",
    url_info=info,
  )
  assert name_lists.read_names(_REFERENCE, str(tmp_path / "data")) == _NAMES
  place.write_text("n01440764_10183.JPEG\n")
  with pytest.raises(ValueError, match=r"checksum differs\. Delete it"):
    name_lists.read_names(_REFERENCE, str(tmp_path / "data"))


def test_a_list_that_was_fetched_by_hand(
  tmp_path, register, stand_in, no_network
):
  register("https://example.org/10percent.txt")
  folder = tmp_path / "data" / "downloads" / "manual"
  folder.mkdir(parents=True)
  shutil.copy(stand_in, folder)
  assert name_lists.read_names(_REFERENCE, str(tmp_path / "data")) == _NAMES


def test_without_network_it_says_what_to_fetch(tmp_path, no_network):
  with pytest.raises(ValueError, match=r"10percent\.txt.*text file instead"):
    name_lists.read_names(_REFERENCE, str(tmp_path))
  assert not list(tmp_path.iterdir())


def test_a_data_set_without_a_list(tmp_path):
  with pytest.raises(ValueError, match="imagenet2012_subset/1pct or tfds:"):
    name_lists.read_names("tfds:cifar10", str(tmp_path))


def test_servers_that_can_be_reached(tmp_path, monkeypatch):
  for name in ("http_proxy", "https_proxy", "all_proxy"):
    monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(name.upper(), raising=False)
  with _serving(tmp_path) as address:
    assert name_lists.can_reach(f"{address}/any")
  assert not name_lists.can_reach(f"{address}/any")
  monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
  assert name_lists.can_reach(f"{address}/any")
