"""What a worker can do wrong, as the server sees it."""

from mxtrain.base import MXNetError


class RequestError(MXNetError):
    """A message that cannot be carried out; the sender gets the text, the server goes on."""
