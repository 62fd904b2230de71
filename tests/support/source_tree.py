"""The project's Python files as syntax trees: modules, what each imports, and cycles among them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ROOTS = {
    "mxtrain": "core",
    "mxtrain_kvstore": "kvstore",
    "mxtrain_server": "server",
    "mxtrain_worker": "worker",
    "mxtrain_protos": "protos",
    "mxtrain_deploy": "deploy",
}


@dataclass(frozen=True)
class Import:
    """One imported name: `module` is absolute; `line` is where."""

    module: str
    line: int


@dataclass(frozen=True)
class Module:
    """One file of a source root under its import name."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @property
    def top(self) -> str:
        """The distribution package: `mxtrain`, `mxtrain_kvstore`, ..."""
        return self.name.partition(".")[0]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def where(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    def imports(self) -> Iterator[Import]:
        """Every import, inside functions too, but for those that only a type checker sees."""
        for node in _walk_run_time(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)
            elif isinstance(node, ast.Call) and _called_name(node) in ("import_module", "__import__"):
                yield from (Import(text, node.lineno) for text in _literal_text(node))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, node.module] if node.module else parts)


def _walk_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _walk_run_time(child)


def _called_name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _literal_text(node: ast.Call) -> list[str]:
    return [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


@lru_cache(maxsize=1)
def modules() -> dict[str, Module]:
    """Every module of the source roots by name; generated protobuf code left out."""
    found = {}
    for package, root in ROOTS.items():
        for path in sorted((REPOSITORY / root / package).rglob("*.py")):
            if path.stem.endswith(("_pb2", "_pb2_grpc")) or "stand_in" in path.parts:
                continue
            parts = path.relative_to(REPOSITORY / root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path)
    return found


def module_of(imported: str) -> str | None:
    """The project's module that an imported dotted name comes from: itself, or what it is an attribute of."""
    while imported:
        if imported in modules():
            return imported
        imported = imported.rpartition(".")[0]
    return None


def edges() -> dict[str, dict[str, int]]:
    """For each module the project's modules that it imports, with the line of the first such import."""
    graph: dict[str, dict[str, int]] = {}
    for module in modules().values():
        targets = graph.setdefault(module.name, {})
        for found in module.imports():
            target = module_of(found.module)
            if target is not None and target != module.name:
                targets.setdefault(target, found.line)
    return graph


def cycles(graph: dict[str, dict[str, int]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            cut = stack.index(node)
            component = stack[cut:]
            del stack[cut:]
            if len(component) > 1:
                components.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return components
