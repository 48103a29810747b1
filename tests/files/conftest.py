"""A bucket for the tests of this folder."""

import bucket_server
import pytest


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
  """gs://bucket, for this process and those that it starts."""
  with (
    bucket_server.serve(tmp_path_factory.mktemp("bucket")) as served,
    pytest.MonkeyPatch.context() as patch,
  ):
    for name, value in served.environment.items():
      patch.setenv(name, value)
    yield served
