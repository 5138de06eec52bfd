"""Makes models/demo-part/3 from nothing, in one command and some fifteen minutes on two cores.

    training/.venv/bin/python training/tools/make_demo_part.py models/demo-part/3

Draws the synthetic part, trains, evaluates into the manifest, and picks the demo's captures. The
same seed gives the same graphs: compare the ``content`` that train prints.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from make_samples import main as make_samples

from branchline_training.cli import main as branchline_train

RATES = "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7"
EVALUATION = ("--protocol", "all", "--rates", RATES, "--baselines", "fusion,imputation")


def main(out: Path) -> int:
    """Writes the bundle and its samples to ``out``; the exit code of the first step that failed."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "bracket"
        steps = (
            ["synthesize", str(data), "--seed", "1"],
            ["train", str(data), "--out", str(out), "--licence", "Apache-2.0"],
            ["evaluate", str(out), str(data), *EVALUATION, "--write"],
            ["doctor", str(data), "--write", str(out)],
            ["verify", str(out)],
        )
        for step in steps:
            code = branchline_train(step)
            if code != 0:
                return code
        make_samples(data, out / "samples")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
