"""`Parameter`: an array that a network learns, with a copy and a gradient on every device it is used on."""

import copy
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mxtrain import autograd, initializer
from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.base import ArgumentError, MXNetError, mx_real_t
from mxtrain.context import Context, cpu, current_context
from mxtrain.gluon.errors import CheckError, DeferredInitializationError
from mxtrain.gluon.parameter.arguments import as_contexts, one_of
from mxtrain.gluon.parameter.row_sparse_access import RowSparseAccess
from mxtrain.gluon.parameter.shapes import agree, is_known, unknown_size
from mxtrain.ndarray import NDArray

STYPES = ("default", "row_sparse", "csr")
GRAD_REQS = ("write", "add", "null")
#: What fills parameters where nothing else is said.
DEFAULT_INIT = initializer.Uniform()


class Deferred(NamedTuple):
    """An initialization that waits for the shape. data: values to take over instead of an initializer's."""

    init: Any
    contexts: list[Context]
    default_init: Any
    data: NDArray | None


class Parameter(RowSparseAccess):
    """A weight of a Block.

    name: unique within the network. grad_req: "write", "add" or "null" (no gradient is computed). shape: 0 stands for a
    size that is not known yet (-1 under NumPy's shape semantics). lr_mult, wd_mult: factors of learning rate and weight
    decay. init: an Initializer of this parameter, or its name. allow_deferred_init: wait with the initialization until
    the first forward pass has told the shape. differentiable: False makes grad_req "null" for good. stype, grad_stype:
    storage of values and gradient, "default" (dense), "row_sparse" or "csr".
    Source: follows mxnet.gluon.Parameter of MXNet 1.9.1.
    """

    def __init__(
        self,
        name: str,
        grad_req: str = "write",
        shape: int | Sequence[int] | None = None,
        dtype: Any = mx_real_t,
        lr_mult: float = 1.0,
        wd_mult: float = 1.0,
        init: Any = None,
        allow_deferred_init: bool = False,
        differentiable: bool = True,
        stype: str = "default",
        grad_stype: str = "default",
    ) -> None:
        self._var: sym.Symbol | None = None
        self._data: list[NDArray] | None = None
        self._grad: list[NDArray] | None = None
        self._ctx_list: list[Context] = []
        self._trainer: Any = None
        self._deferred_init: Deferred | None = None
        self._differentiable = differentiable
        self._allow_deferred_init = allow_deferred_init
        self._grad_req: str | None = None
        self._shape = None if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        self._dtype = dtype
        self.name = name
        self.lr_mult = lr_mult
        self.wd_mult = wd_mult
        self.init = init
        self._stype = one_of("stype", stype, STYPES)
        self._grad_stype = one_of("grad_stype", grad_stype, STYPES)
        self.grad_req = grad_req

    def __repr__(self) -> str:
        return f"Parameter {self.name} (shape={self.shape}, dtype={self.dtype})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        """A parameter of the same name, with copies of values and gradients, that no Trainer knows."""
        other = memo[id(self)] = copy.copy(self)
        other._var = other._trainer = None
        if self._data is not None:
            with autograd.pause():
                other._data = [array.copy() for array in self._data]
                other._init_grad()
                for mine, its in zip(self._grad or (), other._grad or (), strict=True):
                    mine.copyto(its)
        return other

    # ---------------------------------------------------------------- facts

    @property
    def grad_req(self) -> str | None:
        """How the gradient is stored: "write", "add" or "null"."""
        return self._grad_req

    @grad_req.setter
    def grad_req(self, req: str) -> None:
        if req not in GRAD_REQS:
            raise CheckError(f"grad_req must be one of 'write', 'add', or 'null', but got {req!r}")
        if not self._differentiable:
            req = "null"
        if self._grad_req == req:
            return
        self._grad_req = req
        if req == "null" and self._data is not None:
            self._grad = None
            self._data = [array.detach() for array in self._data]
        elif self._data is not None:
            self._init_grad()

    @property
    def dtype(self) -> Any:
        """Element type; setting it casts the values."""
        return self._dtype

    @dtype.setter
    def dtype(self, dtype: Any) -> None:
        self.cast(dtype)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes of the axes, 0 (-1 under NumPy's shape semantics) where not known; None where nothing is known."""
        if self._shape is not None and unknown_size() == -1:
            # layers write 0 for what they do not know
            return tuple(size if size else -1 for size in self._shape)
        return self._shape

    @shape.setter
    def shape(self, new_shape: Sequence[int]) -> None:
        if self._shape is not None and not agree(self._shape, new_shape):
            raise CheckError(f"Expected shape {tuple(new_shape)} is incompatible with given shape {self._shape}.")
        self._shape = tuple(new_shape)

    @property
    def stype(self) -> str:
        """Storage of the values."""
        return self._stype

    @property
    def grad_stype(self) -> str:
        """Storage of the gradient."""
        return self._grad_stype

    def var(self) -> sym.Symbol:
        """The variable that stands for the parameter in symbols; always the same."""
        if self._var is None:
            self._var = sym.var(
                self.name,
                shape=self.shape,
                dtype=self.dtype,
                lr_mult=self.lr_mult,
                wd_mult=self.wd_mult,
                init=self.init,
                stype=self._stype,
            )
        return self._var

    # ---------------------------------------------------------------- initialization

    def initialize(
        self,
        init: Any = None,
        ctx: Context | Iterable[Context] | None = None,
        default_init: Any = DEFAULT_INIT,
        force_reinit: bool = False,
    ) -> None:
        """Give the parameter its first values on each of the contexts (the current one by default).

        init: overrides self.init; default_init: where neither says anything. With allow_deferred_init and a shape that
        is not known it happens at the first forward pass. Raises ArgumentError for an unknown shape otherwise.
        """
        if self._data is not None and not force_reinit:
            warnings.warn(
                f"Parameter '{self.name}' is already initialized, ignoring. Set force_reinit=True to re-initialize.",
                stacklevel=2,
            )
            return
        self._data = self._grad = None
        contexts = as_contexts(ctx)
        if init is None:
            init = default_init if self.init is None else self.init
        if is_known(self.shape):
            self._deferred_init = Deferred(init, contexts, default_init, None)
            self._finish_deferred_init()
        elif self._allow_deferred_init:
            self._deferred_init = Deferred(init, contexts, default_init, None)
        else:
            raise ArgumentError(
                f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self.shape}."
            )

    def _finish_deferred_init(self) -> None:
        """Carry out an initialization that waited for the shape."""
        if self._deferred_init is None:
            return
        if not is_known(self.shape):
            raise CheckError(
                f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self.shape}. Please specify "
                "in_units, in_channels, etc for `Block`s."
            )
        deferred, self._deferred_init = self._deferred_init, None
        with autograd.pause():
            data = deferred.data
            if data is None:
                data = nd.zeros(self.shape, ctx=cpu(), dtype=self.dtype, stype=self._stype)
                description = initializer.InitDesc(self.name, {"__init__": deferred.init})
                initializer.create(deferred.default_init)(description, data)
            self._init_impl(data, deferred.contexts)

    def _init_impl(self, data: NDArray, contexts: Iterable[Context]) -> None:
        self._ctx_list = list(contexts)
        self._data = [data.copyto(ctx) for ctx in self._ctx_list]
        self._init_grad()

    def _init_grad(self) -> None:
        if self.grad_req == "null":
            self._grad = None
            return
        data = self._initialized(self._data)
        self._grad = [nd.zeros(a.shape, ctx=a.context, dtype=a.dtype, stype=self._grad_stype) for a in data]
        autograd.mark_variables(data, self._grad, self._grad_req or "null")

    def reset_ctx(self, ctx: Context | Iterable[Context]) -> None:
        """Move the parameter to other contexts. Raises ArgumentError where it was not initialized."""
        contexts = as_contexts(ctx)
        if self._data is not None:
            with autograd.pause():
                self._init_impl(self._reduce(), contexts)
        elif self._deferred_init is not None:
            self._deferred_init = self._deferred_init._replace(contexts=contexts)
        else:
            raise ArgumentError(
                f"Cannot reset context for Parameter '{self.name}' because it has not been initialized."
            )

    # ---------------------------------------------------------------- values and gradients

    def data(self, ctx: Context | None = None) -> NDArray:
        """The values on a context (the only one, or the current one, by default).

        Raises DeferredInitializationError before the first forward pass, and MXNetError where it was not initialized.
        """
        if self._stype != "default":
            raise MXNetError(
                f"Cannot return a copy of Parameter '{self.name}' on ctx {ctx} via data() because its storage type is "
                f"{self._stype}. Please use row_sparse_data() instead."
            )
        return self._on(self._data, ctx)

    def list_data(self) -> list[NDArray]:
        """The values on all contexts, in the order of initialization."""
        if self._stype != "default":
            raise MXNetError(
                f"Cannot return copies of Parameter '{self.name}' on all contexts via list_data() because its storage "
                f"type is {self._stype}. Please use row_sparse_data() instead."
            )
        return self._initialized(self._data)

    def set_data(self, data: NDArray) -> None:
        """Overwrite the values on all contexts."""
        self.shape = data.shape
        if self._data is None:
            if self._deferred_init is None:
                raise CheckError(f"Parameter '{self.name}' has not been initialized")
            self._deferred_init = self._deferred_init._replace(data=data)
            return
        # a store that updates weights has a copy, which would come back with the next pull
        trainer = self._trainer
        updates = trainer is not None and trainer._kv_initialized and trainer._update_on_kvstore
        if updates and all(waiting is not self for waiting in trainer._params_to_init):
            trainer._reset_kvstore()
        for array in self._data:
            array[:] = data

    def grad(self, ctx: Context | None = None) -> NDArray:
        """The gradient on a context."""
        self._require_gradient()
        return self._on(self._grad, ctx)

    def list_grad(self) -> list[NDArray]:
        """The gradients on all contexts, in the order of `list_data`."""
        self._require_gradient()
        return self._initialized(self._grad)

    def _require_gradient(self) -> None:
        if self._data is not None and self._grad is None:
            raise MXNetError(f"Cannot get gradient array for Parameter '{self.name}' because grad_req='null'")

    def list_ctx(self) -> list[Context]:
        """The contexts that the parameter is initialized on."""
        if self._data is not None:
            return self._ctx_list
        if self._deferred_init is not None:
            return self._deferred_init.contexts
        raise MXNetError(f"Parameter '{self.name}' has not been initialized")

    def zero_grad(self) -> None:
        """Set the gradients to zero."""
        for grad in self._grad or ():
            grad[:] = 0

    def cast(self, dtype: Any) -> None:
        """Change the element type of values and gradients."""
        self._dtype = dtype
        self._var = None
        if self._data is None:
            return
        with autograd.pause():
            self._data = [array.astype(dtype) for array in self._data]
            if self._grad is not None:
                self._grad = [grad.astype(dtype) for grad in self._grad]
                autograd.mark_variables(self._data, self._grad, self._grad_req or "null")

    # ---------------------------------------------------------------- copies

    def _initialized(self, arrays: list[NDArray] | None) -> list[NDArray]:
        if arrays is not None:
            return arrays
        if self._deferred_init is not None:
            raise DeferredInitializationError(
                f"Parameter '{self.name}' has not been initialized yet because initialization was deferred. Actual "
                "initialization happens during the first forward pass. Please pass one batch of data through the "
                "network before accessing Parameters. You can also avoid deferred initialization by specifying "
                "in_units, num_features, etc., for network layers."
            )
        raise MXNetError(
            f"Parameter '{self.name}' has not been initialized. Note that you should initialize parameters and create "
            "Trainer with Block.collect_params() instead of Block.params because the later does not include Parameters "
            "of nested child Blocks"
        )

    def _on(self, arrays: list[NDArray] | None, ctx: Context | None) -> NDArray:
        """The copy on a context; host contexts of one number are one."""
        copies = self._initialized(arrays)
        if ctx is None:
            if len(copies) == 1:
                return copies[0]
            ctx = current_context()
        for array in copies:
            if array._ctx is ctx:
                return array
        for array, own in zip(copies, self._ctx_list, strict=True):
            if own.device_id == ctx.device_id and "gpu" not in (own.device_type, ctx.device_type):
                return array
        raise MXNetError(
            f"Parameter '{self.name}' was not initialized on context {ctx}. It was only initialized on "
            f"{self._ctx_list}."
        )

    def _reduce(self) -> NDArray:
        """The mean of all copies, on the host: all rows of a row_sparse parameter."""
        if self._stype == "default":
            copies = [array.copyto(cpu()) for array in self.list_data()]
            return copies[0] if len(copies) == 1 else sum(copies[1:], start=copies[0]) / len(copies)
        if self._trainer is None:
            return self._initialized(self._data)[0].copyto(cpu())
        size = 0 if self.shape is None else self.shape[0]
        data = nd.zeros(self.shape, ctx=cpu(), dtype=self.dtype, stype="row_sparse")
        self._trainer._row_sparse_pull(self, data, nd.arange(0, size, dtype="int64", ctx=cpu()), full_idx=True)
        return data

    def _set_trainer(self, trainer: Any) -> None:
        """Remember who trains the parameter. Raises MXNetError for a second Trainer of a sparse one."""
        if self._stype != "default" and self._trainer and trainer and self._trainer is not trainer:
            raise MXNetError(
                f"Failed to set the trainer for Parameter '{self.name}' because it was already set. More than one "
                "trainers for a sparse Parameter is not supported."
            )
        self._trainer = trainer
