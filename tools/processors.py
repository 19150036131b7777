"""Compare the lessons with their saved outputs as other processors would compute them.

    python tools/processors.py
    python tools/processors.py --only shaken --only avx2 notebooks/07*.ipynb

Runs pytest on the lessons once for each setting below (or on the paths given: `tests notebooks`
for everything). `pytest --processor shaken` does it for one setting.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHAKEN = Path(__file__).with_name("shaken.py")

PLAIN = "as-it-is"
# What the kernels find in their environment. All but the last change which instructions compute a
# sum, and so how it is rounded; the last stands for every processor that is not at hand.
SETTINGS = {
    PLAIN: {},
    "default": {"ATEN_CPU_CAPABILITY": "default"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "libraries-avx2": {
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "two-threads": {"OMP_NUM_THREADS": "2"},
    "shaken": {"PYTHONSTARTUP": str(SHAKEN)},
}


def environment(name: str) -> dict[str, str]:
    """The variables of a setting; one thread unless it says otherwise.

    Raises:
        ValueError: a setting that is not known, or that this machine does not have.
    """
    if name not in SETTINGS:
        raise ValueError(f"processor must be one of {', '.join(SETTINGS)}, got {name!r}")
    if reason := missing(name):
        raise ValueError(f"processor {name!r} is not to be had on this machine: {reason}")
    return {"OMP_NUM_THREADS": "1"} | SETTINGS[name]


def missing(name: str) -> str:
    """Why this machine does not have a setting; empty where it does."""
    if name == "two-threads" and (os.cpu_count() or 1) < 2:
        return "it has a single core"
    if "avx2" in name and (offered := capability()) not in ("AVX2", "AVX512"):
        return f"its {platform.machine()} processor has no AVX2; torch uses {offered} there"
    return ""


def capability() -> str:
    """The instructions that torch would use here by itself: "DEFAULT", "AVX2", "AVX512", ..."""
    plain = {name: value for name, value in os.environ.items() if name != "ATEN_CPU_CAPABILITY"}
    ask = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    return subprocess.check_output([sys.executable, "-c", ask], env=plain, text=True).strip()


def main() -> None:
    """Run the comparison under each setting, and say which were green, red, or not to be had."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="*", default=["notebooks"])
    parser.add_argument("--only", action="append", choices=SETTINGS, help="may be repeated")
    args = parser.parse_args()
    verdicts = {}
    for name in args.only or SETTINGS:
        if reason := missing(name):
            verdicts[name] = f"not run: {reason}"
            continue
        command = [sys.executable, "-m", "pytest", f"--processor={name}", *args.paths]
        if name == "two-threads":
            command.append("--numprocesses=0")  # two workers of two threads each stand in line
        print(f"\n== {name}", flush=True)
        red = subprocess.run(command, cwd=ROOT).returncode
        verdicts[name] = "red" if red else "green"
    print("\n" + "\n".join(f"{name:<15} {verdict}" for name, verdict in verdicts.items()))
    sys.exit(any(v == "red" or (args.only and v != "green") for v in verdicts.values()))


if __name__ == "__main__":
    main()
