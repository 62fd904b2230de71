"""Arguments of parameters: contexts, and choices among names."""

from collections.abc import Iterable, Sequence

from mxtrain.context import Context, current_context
from mxtrain.gluon.errors import CheckError


def as_contexts(ctx: Context | Iterable[Context] | None) -> list[Context]:
    """One or several contexts as a list; the current one for None."""
    if ctx is None:
        return [current_context()]
    return [ctx] if isinstance(ctx, Context) else list(ctx)


def one_of(what: str, value: str, choices: Sequence[str]) -> str:
    """The value. Raises CheckError unless it is one of the choices."""
    if value not in choices:
        raise CheckError(f"Expected: one of {list(choices)} as {what}. Received: {value!r}.")
    return value
