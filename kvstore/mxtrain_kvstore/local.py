"""`LocalKVStore`: the stores of one process, `local` (sums in host memory) and `device` (on the first device)."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError, NameLookupError
from mxtrain.context import Context, cpu
from mxtrain.ndarray import NDArray
from mxtrain_kvstore.arguments import Key, arrays_per_key, key_list
from mxtrain_kvstore.store import KVStore


class LocalKVStore(KVStore):
    """Sums the arrays of a process's devices, in device order, so that the result does not depend on timing.

    `local` sums in host memory, `device` on the device of the first array (peers copy between devices).
    """

    def __init__(self, name: str = "local", *, on_device: bool = False) -> None:
        super().__init__()
        self._type = name
        self._on_device = on_device
        self._stored: dict[Key, NDArray] = {}
        self._sums: dict[Key, NDArray] = {}

    def init(self, key: Any, value: Any) -> None:
        """Give a key, or each of a list of keys, its first value. Raises ArgumentError for one that has a value."""
        keys = key_list(key)
        values = [arrays[0] for arrays in arrays_per_key(keys, value, key, "init")]
        for one in keys:
            self._require_key_kind(one)
            if one in self._stored:
                raise ArgumentError(f"Expected: a key without a value. Received: duplicate init of key {one!r}.")
        for one, array in zip(keys, values, strict=True):
            self._stored[one] = array.copyto(array.context if self._on_device else cpu())

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Sum the arrays of each key; the sum replaces the stored value, or the updater applies it."""
        keys = key_list(key)
        given = arrays_per_key(keys, value, key, "push")
        targets = [self._find(one) for one in keys]
        for one, arrays, stored in zip(keys, given, targets, strict=True):
            _require_fit(one, arrays, stored, "push")
        for one, arrays, stored in _joined(keys, given, targets):
            total = self._reduce(one, arrays)
            if self._updater is None:
                total.copyto(stored)
            else:
                self._updater(one, total, self._at(one, total.context))

    def _reduce(self, key: Key, arrays: Sequence[NDArray]) -> NDArray:
        """The sum, in a buffer that each push of the key uses again; a single array as it is."""
        ctx = arrays[0].context if self._on_device else cpu()
        first = arrays[0].as_in_context(ctx)
        if len(arrays) == 1:
            return first
        total = self._sums.get(key)
        if total is None or total.context is not ctx or total.dtype != first.dtype:
            total = self._sums[key] = first.copy()
        with ctx.backend.active():
            ctx.xp.add(first.data_array, arrays[1].as_in_context(ctx).data_array, out=total.data_array)
            for array in arrays[2:]:
                ctx.xp.add(total.data_array, array.as_in_context(ctx).data_array, out=total.data_array)
        return total

    def _at(self, key: Key, ctx: Context) -> NDArray:
        """The stored value, moved to where the sum is (once: `device` stores begin where `init`'s array was)."""
        stored = self._stored[key]
        if stored.context is not ctx:
            stored = self._stored[key] = stored.copyto(ctx)
        return stored

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Copy the stored value of each key to its arrays in `out`."""
        if out is None:
            raise ArgumentTypeError("pull: expected `out`, the arrays to fill. Received: None.")
        keys = key_list(key)
        targets = arrays_per_key(keys, out, key, "pull")
        sources = [self._find(one) for one in keys]
        for one, arrays, stored in zip(keys, targets, sources, strict=True):
            _require_fit(one, arrays, stored, "pull")
        for arrays, stored in zip(targets, sources, strict=True):
            for array in arrays:
                stored.copyto(array)

    def _find(self, key: Key) -> NDArray:
        self._require_key_kind(key)
        stored = self._stored.get(key)
        if stored is None:
            raise NameLookupError(f"Expected: a key that init() was called for. Received: {key!r}.")
        return stored

    def _require_key_kind(self, key: Key) -> None:
        known = next(iter(self._stored), key)
        if isinstance(known, str) is not isinstance(key, str):
            raise ArgumentTypeError(
                f"Expected: {type(known).__name__} keys, as before. Received: {key!r}. Mixed key types are not allowed."
            )


def _require_fit(key: Key, arrays: Sequence[NDArray], stored: NDArray, what: str) -> None:
    for array in arrays:
        if array.shape != stored.shape:
            raise ArgumentError(f"{what} of key {key!r}: expected shape {stored.shape}. Received: {array.shape}.")


def _joined(
    keys: Sequence[Key], given: Sequence[list[NDArray]], targets: Sequence[NDArray]
) -> list[tuple[Key, list[NDArray], NDArray]]:
    """Each key once, with all of its arrays: a key may stand in a call several times, once per device."""
    found: dict[Key, tuple[Key, list[NDArray], NDArray]] = {}
    for key, arrays, target in zip(keys, given, targets, strict=True):
        if key in found:
            found[key][1].extend(arrays)
        else:
            found[key] = (key, list(arrays), target)
    return list(found.values())
