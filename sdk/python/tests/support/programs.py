"""Python programs that use the SDK as a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLISHED = Path(__file__).parents[4] / "test" / "wire" / "published_sdk.py"
"""The program written for the published package, in parts called scenarios."""


def start_program(text: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Starts it with an environment built from nothing; what it writes is piped."""
    base = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": tempfile.gettempdir(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SENTRIAL_SPOOL_DIR": os.environ["SENTRIAL_SPOOL_DIR"],  # this test's own
    }
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)],
        env={**base, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_program(text: str, environment: Mapping[str, str], within: float = 30) -> tuple[list[str], str]:
    """Runs it to its end, which must be a good one: the lines it printed, and what it wrote to stderr."""
    with start_program(text, environment) as program:
        try:
            out, err = program.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
    assert program.returncode == 0, err
    return out.splitlines(), err


def run_published(scenario: str, environment: Mapping[str, str]) -> str:
    """Runs a scenario of ``PUBLISHED`` with this package: what it printed."""
    program = subprocess.run(
        [sys.executable, str(PUBLISHED), scenario],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert program.returncode == 0, program.stderr
    return program.stdout
