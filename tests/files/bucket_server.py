"""Google Cloud Storage on loopback, for TensorFlow, Orbax and TensorStore.

PyPI's gcp-storage-emulator answers. Around it is what it lacks: conditions on
generations, the layout of a bucket, empty uploads, connections that stay open;
and TLS, since TensorFlow speaks to www.googleapis.com and nobody else: it is
told that this server is a proxy, and its `CONNECT` ends here.
"""

import contextlib
import functools
import http.server
import json
import logging
import re
import ssl
import threading
import urllib.parse
from unittest import mock

import trustme
from gcp_storage_emulator import server as emulator
from gcp_storage_emulator import storage
from gcp_storage_emulator.handlers import buckets

_GOOGLE = ("www.googleapis.com", "storage.googleapis.com")
# That an object is not there (yet) is no error.
logging.getLogger("gcp_storage_emulator.storage").setLevel(logging.CRITICAL)
_LAYOUT = {
  "locationType": "region",
  "hierarchicalNamespace": {"enabled": False},
}


class Bucket:
  """What gs://bucket holds.

  Attributes:
    environment: Variables that lead the libraries to it.
    requests: Method and URL of all requests so far.
  """

  def __init__(self, content, environment):
    self._content = content
    self.environment = environment
    self.requests = []

  def names(self, prefix=""):
    """Returns the names of the objects, sorted; folders' markers left out."""
    names = sorted(self._content.objects.get("bucket", {}))
    return [n for n in names if n.startswith(prefix) and not n.endswith("/")]

  def read(self, name):
    return self._content.get_file("bucket", name)

  def write(self, name, content):
    made = emulator.objects._make_object_resource(
      "", "bucket", name, "application/octet-stream", str(len(content))
    )
    made = emulator.objects._checksums(content, made)
    self._content.create_file("bucket", name, content, made)


@contextlib.contextmanager
def serve(folder):
  """Yields a Bucket; `folder` is for the certificate."""
  content = storage.Storage(use_memory_fs=True)
  content._write_config_to_file = lambda: None  # in memory it is of no use
  buckets.create_bucket("bucket", content)
  authority = trustme.CA()
  tls = ssl.create_default_context(ssl.RngStream.CLIENT_AUTH)
  authority.issue_cert(*_GOOGLE).configure_cert(tls)
  authority.cert_pem.write_to_path(str(folder / "authority.pem"))
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
  url = f"http://127.0.0.1:{server.server_port}"
  server.content, server.tls, server.lock = content, tls, threading.Lock()
  server.bucket = Bucket(
    content,
    {
      "CURL_CA_BUNDLE": str(folder / "authority.pem"),
      "GOOGLE_AUTH_TOKEN_FOR_TESTING": "token",
      "STORAGE_EMULATOR_HOST": url,
      "TENSORSTORE_GCS_HTTP_URL": url,
      "https_proxy": url,
      "no_proxy": "127.0.0.1,localhost",
    },
  )
  threading.Thread(target=server.serve_forever, daemon=True).start()
  with mock.patch.object(emulator, "_read_data", _read_data):
    yield server.bucket
    server.shutdown()
    server.server_close()


_read_emulated = emulator._read_data


def _read_data(handler, query):
  """Reads a body; an empty upload, TensorFlow's mark of a folder, is one."""
  body = _read_emulated(handler, query)
  return b"" if body is None and query.get("uploadType") == ["media"] else body


class _Handler(emulator.RequestHandler):
  """Answers as Google does, over plain HTTP or inside of a `CONNECT`."""

  protocol_version = "HTTP/1.1"
  disable_nagle_algorithm = True
  wbufsize = -1
  _is_secure = False

  def __init__(self, request, address, server):
    super().__init__(server.content, request, address, server)

  def do_CONNECT(self):
    self.send_response(200)
    self.end_headers()
    self.wfile.flush()
    self.connection = self.server.tls.wrap_socket(
      self.connection, server_side=True
    )
    self.rfile = self.connection.makefile("rb")
    self.wfile = self.connection.makefile("wb")
    self._is_secure = True
    self.handle()
    self.close_connection = True

  def _answer(self, method):
    self.server.bucket.requests.append((method, self.path))
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
    wanted = query.get("ifGenerationMatch")
    with self.server.lock:
      if wanted and wanted[0] != self._generation(default="0"):
        self._send_json(412, {})
      elif self.path.endswith("/storageLayout"):
        self._send_json(200, _LAYOUT)
      else:
        emulator.Router(self).handle(method)

  do_GET = functools.partialmethod(_answer, "GET")
  do_POST = functools.partialmethod(_answer, "POST")
  do_PUT = functools.partialmethod(_answer, "PUT")
  do_PATCH = functools.partialmethod(_answer, "PATCH")
  do_DELETE = functools.partialmethod(_answer, "DELETE")

  def _send_json(self, status, value):
    body = json.dumps(value).encode()
    self.send_response(status)
    self.send_header("Content-Type", "application/json")
    self.send_header("Content-Length", str(len(body)))
    self.end_headers()
    self.wfile.write(body)

  def _generation(self, default=None):
    """Returns the generation of the object that the request is about."""
    name = re.search(r"/b/bucket/o(?:/|\?(?:.*&)?name=)([^?&]+)", self.path)
    objects = self.storage.objects.get("bucket", {})
    found = objects.get(urllib.parse.unquote(name[1])) if name else None
    return found["generation"] if found else default

  def parse_request(self):
    is_sound = super().parse_request()
    if is_sound and "chunked" in self.headers.get("Transfer-Encoding", ""):
      del self.headers["Content-Length"]  # TensorFlow sends both
    return is_sound

  def handle_expect_100(self):
    is_sound = super().handle_expect_100()
    self.wfile.flush()
    return is_sound

  def send_header(self, keyword, value):
    if keyword == "Location" and self._is_secure:
      value = value.replace("http://", "https://", 1)
    super().send_header(keyword, value)

  def end_headers(self):
    generation = self._generation()
    if self.command == "GET" and generation:
      self.send_header("X-Goog-Generation", generation)
    super().end_headers()
