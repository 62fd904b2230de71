"""`import mxnet` and every `mxnet.x` give the module objects of mxtrain."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_ALIAS = "mxnet"
_REAL = "mxtrain"


def install_as_mxnet() -> None:
    """Let `import mxnet` and `import mxnet.x` give this package from now on.

    They give the very module objects of mxtrain, so that classes and registries exist once. In a process whose
    DMLC_ROLE is `server` or `scheduler`, `import mxnet` serves that role until the job ends and then exits with code 0.
    An mxnet that was imported before stays where it is held, but later imports give mxtrain. Calling it again
    does nothing.

    Source: MXNet 1.9.1 serves at import in these roles.
    """
    if any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        return
    for name in [name for name in sys.modules if _is_alias(name)]:
        del sys.modules[name]
    # In front: an mxnet that is installed in the same environment must not answer for a name that mxtrain lacks.
    sys.meta_path.insert(0, _AliasFinder())


def _is_alias(name: str) -> bool:
    return name == _ALIAS or name.startswith(_ALIAS + ".")


class _AliasFinder(MetaPathFinder):
    """Finds `mxnet.x` by importing `mxtrain.x`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not _is_alias(fullname):
            return None
        module = _import_real(fullname)
        locations = getattr(module, "__path__", None)
        spec = ModuleSpec(
            fullname, _AliasLoader(module), origin=getattr(module, "__file__", None), is_package=locations is not None
        )
        if locations is not None:
            spec.submodule_search_locations = list(locations)
        return spec


def _import_real(alias: str) -> ModuleType:
    real = _REAL + alias[len(_ALIAS) :]
    try:
        return importlib.import_module(real)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if real != missing and not real.startswith(missing + "."):
            raise  # the module is there, but something that it imports is not
        raise ModuleNotFoundError(
            f"No module named {alias!r}: mxtrain stands for mxnet here and has no module {real!r}.", name=alias
        ) from None


class _AliasLoader(Loader):
    """Hands the import system a module that is already loaded under its own name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the alias's there
        if module.__name__ == _REAL and os.environ.get("DMLC_ROLE") in ("server", "scheduler"):
            importlib.import_module(f"{_REAL}.kvstore.kvstore_server")._init_kvstore_server_module()
