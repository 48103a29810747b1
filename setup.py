"""Lists the packages and builds the optional native parts.

The rest is in pyproject.toml.

Without a C++ compiler, or anything else that they need, the package installs
in full, convolves with XLA and resizes with Pillow: `python -m
suncet_jax.doctor` says so.
"""

import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

_CONVOLUTIONS = "suncet_jax._onednn"
_RESIZE = "suncet_jax._resample"
_TITLES = {_CONVOLUTIONS: "native convolutions", _RESIZE: "the native resize"}


class OptionalBuild(build_ext):
  """Says in one line why an optional extension was not built."""

  def build_extension(self, ext: Extension) -> None:
    """Builds it, if that is possible."""
    if self.compiler.compiler_type == "msvc":
      ext.extra_compile_args = ["/std:c++17", "/O2"]
    try:
      super().build_extension(ext)
    except Exception as error:
      _say_skipped(_TITLES[ext.name], error)

  def get_export_symbols(self, ext: Extension) -> list[str]:
    """Asks for no PyInit function: these are no modules of Python."""
    return ext.export_symbols

  def run(self) -> None:
    """Builds all; a compiler that cannot even be set up is no failure."""
    try:
      super().run()
    except Exception as error:
      _say_skipped(" and ".join(_TITLES.values()), error)


def _say_skipped(what: str, reason: object) -> None:
  first_line = (str(reason).strip() or repr(reason)).splitlines()[0]
  print(f"suncet_jax: not built: {what}: {first_line}")


def _onednn_folder(name: str) -> str:
  """Returns the folder in which oneDNN's packages installed a file."""
  for package in ("onednn-cpu-gomp", "onednn-devel-cpu-gomp"):
    for file in importlib.metadata.files(package) or ():
      folder = Path(str(file.locate())).resolve().parent
      if file.name == name and folder.name in ("include", "lib"):
        return str(folder)
  raise FileNotFoundError(f"{name} of oneDNN's packages")


def _jaxlib_headers() -> str:
  spec = importlib.util.find_spec("jaxlib")
  if spec is None or spec.origin is None:
    raise FileNotFoundError("jaxlib's headers")
  return str(Path(spec.origin).parent / "include")


def _convolutions() -> list[Extension]:
  if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
    reason = "oneDNN is packaged for Linux x86_64 only"
    _say_skipped(_TITLES[_CONVOLUTIONS], reason)
    return []
  try:
    return [
      Extension(
        _CONVOLUTIONS,
        sources=["native/convolution.cc"],
        depends=[
          "native/geometry.h",
          "native/parallel.h",
          "native/primitives.h",
        ],
        include_dirs=[_jaxlib_headers(), _onednn_folder("dnnl.hpp")],
        library_dirs=[_onednn_folder("libdnnl.so")],
        libraries=["dnnl"],
        extra_compile_args=["-std=c++17", "-O3"],
        # By its file name: GCC's OpenMP, as oneDNN's, with every compiler.
        extra_link_args=["-l:libgomp.so.1"],
        language="c++",
        optional=True,
      )
    ]
  except (FileNotFoundError, importlib.metadata.PackageNotFoundError) as error:
    _say_skipped(_TITLES[_CONVOLUTIONS], error)
    return []


def _resize() -> Extension:
  return Extension(
    _RESIZE,
    sources=["native/resample.cc"],
    # Weights must not depend on whether the CPU can multiply and add at once.
    extra_compile_args=["-std=c++17", "-O3", "-ffp-contract=off"],
    language="c++",
    optional=True,
  )


setup(
  # configs/ and tests/ must never become top-level packages of site-packages:
  # the configurations are installed as a part of ours.
  packages=[*find_packages(include=["suncet_jax*"]), "suncet_jax.configs"],
  package_dir={"suncet_jax.configs": "configs"},
  ext_modules=[*_convolutions(), _resize()],
  cmdclass={"build_ext": OptionalBuild},
)
