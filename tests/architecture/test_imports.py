"""Imports point one way (docs/architecture.md), read from the syntax trees."""

import ast

import pytest
from source_tree import Module, cycles, edges, module_of, modules

MAY_IMPORT = {
    "mxtrain": set(),
    "mxtrain_protos": set(),
    "mxtrain_kvstore": {"mxtrain", "mxtrain_protos"},
    "mxtrain_server": {"mxtrain", "mxtrain_protos", "mxtrain_kvstore"},
    "mxtrain_worker": {"mxtrain", "mxtrain_protos", "mxtrain_kvstore"},
    "mxtrain_deploy": {"mxtrain", "mxtrain_protos", "mxtrain_kvstore", "mxtrain_server", "mxtrain_worker"},
}
# What the parts of mxtrain may import of each other; a part that is not listed stands above all of them.
LAYERS = {
    "base": set(),
    "device": {"base"},
    "ops": {"base", "device"},
    "ndarray": {"base", "device", "ops"},
    "autograd": {"base", "device", "ops", "ndarray", "symbol"},
    "symbol": {"base", "device", "ops", "ndarray"},
    "executor": {"base", "device", "ops", "ndarray", "symbol"},
}
RE_EXPORT_LINES = 60
KVSTORE_TRANSPORTS = ("transport", "transports")


def is_face(module: Module) -> bool:
    """Whether a module of mxtrain only names what lies elsewhere: no classes, no functions but the lazy look-up."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = {node.name for node in module.tree.body if isinstance(node, kinds)}
    short = len(module.text.splitlines()) <= RE_EXPORT_LINES or module.name == "mxtrain"
    return short and defined <= {"__getattr__", "__dir__"}


def test_source_roots_import_each_other_one_way() -> None:
    wrong = []
    for name, targets in edges().items():
        module = modules()[name]
        for target, line in targets.items():
            root = target.partition(".")[0]
            allowed = root == module.top or root in MAY_IMPORT[module.top]
            if not allowed and not (module.top == "mxtrain" and (is_face(module) or name == "mxtrain.__main__")):
                wrong.append(f"{module.where}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def part_of(name: str) -> str:
    """The part of mxtrain that a module belongs to: `mxtrain.ndarray.serialization` -> `ndarray`."""
    return name.split(".")[1] if name.startswith("mxtrain.") else ""


def test_layers_of_mxtrain() -> None:
    wrong = []
    for name, targets in edges().items():
        part = part_of(name)
        if part not in LAYERS:
            continue
        for target, line in targets.items():
            other = part_of(target)
            if other != part and other in LAYERS and other not in LAYERS[part]:
                wrong.append(f"{modules()[name].where}:{line} imports {target}: {part} stands below {other}")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycle() -> None:
    graph = edges()
    # The face names everything and nothing in it names the face.
    described = []
    for component in cycles(graph):
        inside = [
            f"  {modules()[name].where}:{line} -> {target}"
            for name in component
            for target, line in graph[name].items()
            if target in component
        ]
        described.append("cycle:\n" + "\n".join(inside))
    assert not described, "\n".join(described)


def foreign_imports(module: Module, names: set[str]) -> list[str]:
    found = [(item.module.partition(".")[0], item.line) for item in module.imports() if not module_of(item.module)]
    return [f"{module.where}:{line} imports {top}" for top, line in found if top in names]


@pytest.mark.parametrize(
    ("libraries", "home"),
    [
        ({"cupy", "cupyx"}, "mxtrain.device."),
        ({"zmq", "grpc"}, "transport"),
    ],
)
def test_libraries_stay_at_home(libraries: set[str], home: str) -> None:
    elsewhere = [module for module in modules().values() if home not in module.name + "."]
    wrong = [line for module in elsewhere for line in foreign_imports(module, libraries)]
    assert not wrong, "\n".join(wrong)


def test_importing_the_face_imports_no_sibling_and_starts_nothing() -> None:
    """A first `import mxtrain` must stay quick and without effect on the process."""
    from processes import run_python

    code = (
        "import sys, threading, os, mxtrain\n"
        "siblings = [name for name in sys.modules if name.startswith('mxtrain_')]\n"
        "heavy = [name for name in ('zmq', 'grpc', 'cupy', 'matplotlib', 'sklearn') if name in sys.modules]\n"
        "children = open(f'/proc/self/task/{os.getpid()}/children').read().split()\n"
        "print(siblings, heavy, threading.active_count(), children)"
    )
    done = run_python("-c", code, env={"DMLC_ROLE": "server"})
    assert done.stdout == "[] [] 1 []\n", done.stderr
