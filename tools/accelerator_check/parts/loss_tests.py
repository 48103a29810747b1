"""Tests of the losses that need one device, on this one."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from tools.accelerator_check.context import ROOT, Context

_REPORT = "loss_tests.xml"
_LONGEST = 300  # characters of a message


def run(context: Context) -> None:
  """Runs the tests and tells how many passed, and which did not.

  Args:
    context: Surroundings of the part.
  """
  report = context.work / _REPORT
  # One process: several would each take most of the device's memory.
  done = subprocess.run(
    [
      *(sys.executable, "-m", "pytest", "-o", "addopts=", "-v", "-ra"),
      *("-p", "no:cacheprovider", f"--junitxml={report}"),
      *context.sizes.tests,
    ],
    cwd=ROOT,
    # Options of a test session that this check is itself a test of.
    env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
    check=False,
  )
  # 1: some failed, which is a result; anything else: they did not run.
  if done.returncode not in (0, 1):
    raise RuntimeError(f"pytest ended with {done.returncode}")
  found = counts(report)
  context.tell(**found)
  if found["failed"]:
    raise AssertionError(f"{len(found['failed'])} tests failed")


def counts(report: Path) -> dict[str, Any]:
  """Returns the numbers of a JUnit report, and of what failed why.

  Args:
    report: File of the report.
  """
  cases = list(ET.parse(report).iter("testcase"))
  failed = {
    f"{each.get('classname')}::{each.get('name')}": _message(fault)
    for each in cases
    for fault in each
    if fault.tag in ("failure", "error")
  }
  skipped = sum(each.find("skipped") is not None for each in cases)
  passed = len(cases) - len(failed) - skipped
  return {"passed": passed, "skipped": skipped, "failed": failed}


def _message(fault: ET.Element) -> str:
  return " ".join((fault.get("message") or fault.tag).split())[:_LONGEST]
