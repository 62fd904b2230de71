"""What the KVStore benchmarks move: lists of array shapes."""


def resnet50() -> list[tuple[int, ...]]:
    """The 161 parameter arrays of ResNet-50 v1, 25.6 million values."""
    shapes: list[tuple[int, ...]] = []

    def convolution(inputs: int, outputs: int, kernel: int) -> None:
        shapes.extend([(outputs, inputs, kernel, kernel), (outputs,), (outputs,)])

    convolution(3, 64, 7)
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            convolution(inputs, width, 1)
            convolution(width, width, 3)
            convolution(width, 4 * width, 1)
            if block == 0:
                convolution(inputs, 4 * width, 1)
            inputs = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


PAYLOADS = {
    "ResNet-50's 161 arrays": resnet50(),
    "1000 arrays of 1 KB": [(256,)] * 1000,
    "one array of 64 MB": [(16 * 1024 * 1024,)],
}
