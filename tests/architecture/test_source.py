"""What no source file may hold, and how large files and functions are."""

import ast
import re
import shutil
import statistics
import subprocess

from source_tree import REPOSITORY, modules

MAX_FILE = 500
MEDIAN_FILE = 150
LONG_FUNCTION = 40
MEDIAN_FUNCTION = 8
# Long functions are rare: at most one in so many.
LONG_FUNCTION_RARITY = 50
# Files of the repository that may be longer, with the reason.
LONGER: dict[str, str] = {}

FORBIDDEN_CALLS = {"exec", "eval", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
LEFTOVERS = re.compile(r"/(work|root|home|Users)/\w|\bTODO\b|\bFIXME\b|\bXXX\b|<<<<<<<|>>>>>>>")
BINARY_SUFFIXES = {".png", ".npz", ".npy", ".params", ".gz", ".rec", ".idx", ".jpg"}


def tracked_files() -> list[str]:
    """The files of the repository; of an unpacked archive every file outside hidden and cache directories."""
    listed = _git_files()
    if listed is not None and listed.returncode == 0:
        return [name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]
    names = [str(path.relative_to(REPOSITORY)) for path in REPOSITORY.rglob("*") if path.is_file()]
    return [name for name in names if not re.search(r"(^|/)(\.[^/]+|__pycache__)/", name)]


def _git_files() -> "subprocess.CompletedProcess[str] | None":
    """What git lists; None on a machine without git."""
    if shutil.which("git") is None:
        return None
    return subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_nothing_is_executed_from_text_or_unpickled() -> None:
    wrong = []
    for module in modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                wrong.append(f"{module.where}:{node.lineno} calls {node.func.id}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", True):
                wrong.append(f"{module.where}:{node.value.lineno} allows pickle")
        for item in module.imports():
            if item.module.partition(".")[0] in FORBIDDEN_MODULES:
                wrong.append(f"{module.where}:{item.line} imports {item.module}")
    assert not wrong, "\n".join(wrong)


def test_no_leftovers() -> None:
    wrong = []
    this = "tests/architecture/test_source.py"
    for name in tracked_files():
        if name == this or name == "LICENSE" or (REPOSITORY / name).suffix in BINARY_SUFFIXES:
            continue
        for number, line in enumerate((REPOSITORY / name).read_text(encoding="utf-8").splitlines(), 1):
            if found := LEFTOVERS.search(line):
                wrong.append(f"{name}:{number} holds {found[0]!r}")
    assert not wrong, "\n".join(wrong)


def test_nothing_generated_or_large_is_committed() -> None:
    big = [name for name in tracked_files() if (REPOSITORY / name).stat().st_size > 1 << 20]
    junk = [name for name in tracked_files() if re.search(r"__pycache__|\.pyc$|\.egg-info|\.so$|\.log$|\.orig$", name)]
    assert (big, junk) == ([], [])


def test_file_sizes() -> None:
    python = [name for name in tracked_files() if name.endswith(".py") and not re.search(r"_pb2(_grpc)?\.py$", name)]
    sizes = {name: len((REPOSITORY / name).read_text(encoding="utf-8").splitlines()) for name in python}
    too_long = {name: size for name, size in sizes.items() if size >= MAX_FILE and name not in LONGER}
    assert not too_long
    assert statistics.median(sizes.values()) <= MEDIAN_FILE


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_function_sizes() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {
        f"{module.where}:{node.lineno} {node.name}": body_lines(node)
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, kinds)
    }
    long = {name: size for name, size in sizes.items() if size > LONG_FUNCTION}
    assert len(long) * LONG_FUNCTION_RARITY <= len(sizes), long
    assert statistics.median(sizes.values()) <= MEDIAN_FUNCTION


def test_every_file_says_what_it_is_for() -> None:
    missing = [
        module.where for module in modules().values() if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    assert not missing
