"""Makes the Python code of every .proto file here: `python protos/generate.py [--check]`.

With --check nothing is written; the exit status is 1 when a committed file differs from what would be written.
The version of grpcio-tools is pinned in pyproject.toml, because it decides which protobuf runtimes can load the code.
"""

import argparse
import importlib.metadata
import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def pinned_version() -> str:
    """The version of grpcio-tools that pyproject.toml asks for."""
    text = (ROOT.parent / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'"grpcio-tools==([^"]+)"', text)
    if found is None:
        raise SystemExit("Expected: a line grpcio-tools==VERSION in pyproject.toml. Received: none.")
    return found[1]


def generate(target: Path) -> list[Path]:
    """Write the code of all .proto files under `target`; returns the files, relative to it."""
    import grpc_tools

    well_known = Path(grpc_tools.__file__).parent / "_proto"
    sources = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.proto"))
    options = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{well_known}", *options, *sources]):
        raise SystemExit("protoc failed")
    return sorted(path.relative_to(target) for path in target.rglob("*") if path.name.endswith(SUFFIXES))


def stale(files: list[Path], fresh: Path) -> list[Path]:
    """The files whose committed text differs from the fresh one."""

    def differs(name: Path) -> bool:
        return not (ROOT / name).is_file() or (ROOT / name).read_bytes() != (fresh / name).read_bytes()

    return [name for name in files if differs(name)]


def main() -> int:
    """Generate, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the code is stale")
    check = parser.parse_args().check
    pinned, installed = pinned_version(), importlib.metadata.version("grpcio-tools")
    if installed != pinned:
        raise SystemExit(f"Expected: grpcio-tools {pinned} (pyproject.toml). Received: {installed}. Install that one.")
    if not check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        old = stale(generate(Path(folder)), Path(folder))
    for name in old:
        sys.stderr.write(f"{name} is stale: run python protos/generate.py\n")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
