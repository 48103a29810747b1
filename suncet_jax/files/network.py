"""The network, asked before a library tries for minutes."""

import socket
import urllib.parse
import urllib.request

_TIMEOUT = 10.0  # seconds


def can_reach(url: str) -> bool:
  """Returns whether the server of a URL answers, or a proxy is configured."""
  # TFDS would find out too, but retries for more than three minutes.
  if urllib.request.getproxies():
    return True
  parts = urllib.parse.urlsplit(url)
  port = parts.port or {"http": 80}.get(parts.scheme, 443)
  try:
    socket.create_connection((parts.hostname or "", port), _TIMEOUT).close()
  except OSError:
    return False
  return True
