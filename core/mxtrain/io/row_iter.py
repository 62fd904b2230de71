"""`RowIter`: what iterators over the rows of named arrays have in common."""

from __future__ import annotations

from mxtrain.io.data_iter import DataIter
from mxtrain.io.description import DataDesc
from mxtrain.io.sources import Source


class RowIter(DataIter):
    """Batches are rows of `data` and `label`, pairs of a name and an array. layout: of all arrays."""

    data: list[tuple[str, Source]]
    label: list[tuple[str, Source]]
    layout: str

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of the data."""
        return self._describe(self.data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of the labels."""
        return self._describe(self.label)

    def _describe(self, sources: list[tuple[str, Source]]) -> list[DataDesc]:
        return [
            DataDesc(name, (self.batch_size, *source.shape[1:]), source.dtype, self.layout) for name, source in sources
        ]
