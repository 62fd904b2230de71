"""Writes cupy_interface.json, what the stand-in of CuPy offers: run it where a CuPy is installed (no GPU is needed).

    python make_cupy_interface.py cupy_interface.json

Names and parameters that NumPy has too are taken; where the file exists, only what both it and this CuPy have is kept,
so that running it with each supported CuPy leaves what all of them have.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import cupy
import numpy as np

Table = dict[str, dict[str, list[str]]]


def parameters(function: Any) -> list[str] | None:
    """Names of a function's parameters, "**" where it takes any keyword: by inspection, or from its docstring."""
    try:
        listed = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return documented_parameters(function)
    return [
        "**" if p.kind is p.VAR_KEYWORD else p.name
        for p in listed
        if p.kind is not p.VAR_POSITIONAL and p.name != "self"
    ]


def documented_parameters(function: Any) -> list[str] | None:
    """The parameters of a compiled function, which stand in the first line of its docstring."""
    found = re.match(r"[\w.]+\((.*?)\)(?: ->|$)", (function.__doc__ or "").split("\n")[0])
    if found is None:
        return None
    listed = [part.split("=")[0].split()[-1] for part in found[1].split(",") if part.strip()]
    names = ["**" if name.startswith("**") else name for name in listed]
    return [name for name in names if name != "self" and (name == "**" or not name.startswith("*"))]


def functions_of(module: Any, counterpart: Any, prefix: str = "") -> dict[str, list[str]]:
    """Functions of a module that the counterpart in NumPy has too."""
    found = {}
    for name in dir(module):
        value = getattr(module, name)
        usable = not name.startswith("_") and callable(value) and not isinstance(value, (type, cupy.ufunc))
        if usable and callable(getattr(counterpart, name, None)) and (listed := parameters(value)) is not None:
            found[prefix + name] = listed
    return found


def interface() -> Table:
    """Functions, methods of arrays and of generators, and ufuncs, with the names of their parameters."""
    ufuncs = [name for name in dir(cupy) if isinstance(getattr(cupy, name), cupy.ufunc) and hasattr(np, name)]
    methods = {
        name: listed
        for name in dir(cupy.ndarray)
        if not name.startswith("_") and callable(getattr(cupy.ndarray, name))
        if (listed := parameters(getattr(cupy.ndarray, name))) is not None
    }
    return {
        "functions": {
            **functions_of(cupy, np),
            **functions_of(cupy.linalg, np.linalg, "linalg."),
            **functions_of(cupy.fft, np.fft, "fft."),
        },
        # of the keywords of NumPy's ufuncs, CuPy's refuse all but these
        "ufuncs": {name: ["out", "dtype", "casting"] for name in ufuncs},
        "methods": methods,
        "generator": functions_of(cupy.random.Generator, np.random.Generator),
    }


def common(first: Table, second: Table) -> Table:
    """What both tables have."""
    return {
        group: {name: shared(listed, second[group][name]) for name, listed in names.items() if name in second[group]}
        for group, names in first.items()
    }


def shared(first: list[str], second: list[str]) -> list[str]:
    """Parameters that both lists have; one with "**" has all."""
    if "**" in first or "**" in second:
        return second if "**" in first else first
    return [name for name in first if name in second]


def read(path: Path) -> Table:
    """The table in a file; parameters stand there as one string, separated by spaces."""
    groups = json.loads(path.read_text())
    return {group: {name: listed.split() for name, listed in names.items()} for group, names in groups.items()}


def write(table: Table, path: Path) -> None:
    """The other way round."""
    groups = {group: {name: " ".join(listed) for name, listed in names.items()} for group, names in table.items()}
    path.write_text(json.dumps(groups, indent=1) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write(common(read(target), interface()) if target.exists() else interface(), target)
