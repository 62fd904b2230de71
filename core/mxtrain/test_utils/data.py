"""Data for tests that need some, whatever it is."""

from mxtrain.io import DataBatch, DataIter

__all__ = ["DummyIter"]


class DummyIter(DataIter):
    """An endless iterator that gives the first batch of another one again and again, for measurements of speed."""

    def __init__(self, real_iter: DataIter) -> None:
        super().__init__(real_iter.batch_size)
        self.provide_data = real_iter.provide_data
        self.provide_label = real_iter.provide_label
        self.the_batch = next(iter(real_iter))

    def next(self) -> DataBatch:
        """The batch."""
        return self.the_batch
