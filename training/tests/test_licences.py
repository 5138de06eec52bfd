"""What the trainer is made of may be used: the list is that of the whole project."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_licence_of_the_environment_is_on_the_list() -> None:
    audit = subprocess.run(
        ["node", ".ci/audit-dependencies.mjs", "--offline", "--python", sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.stdout.endswith(" of pip, 0 not allowed\n"), audit.stdout + audit.stderr
    assert audit.returncode == 0
