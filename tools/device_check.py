"""Run the tests and the benchmark on another device, and compare it with the CPU.

    python tools/device_check.py cuda

The lessons are left out: their saved outputs are those of a CPU.
"""

import os
import subprocess
import sys
from pathlib import Path

from genaug_lessons import machine

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Fail when a test fails on the device; print the benchmark of both side by side."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    device = sys.argv[1]
    try:
        machine.use_device(device)
    except ValueError as error:
        sys.exit(str(error))
    tests = [sys.executable, "-m", "pytest", "tests"]
    failed = subprocess.run(tests, cwd=ROOT, env=os.environ | {"GENAUG_DEVICE": device}).returncode
    benchmark = [sys.executable, ROOT / "tools" / "benchmark.py", "--device", device]
    failed |= subprocess.run(benchmark, cwd=ROOT).returncode
    sys.exit(failed)


if __name__ == "__main__":
    main()
