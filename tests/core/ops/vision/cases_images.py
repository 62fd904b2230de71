"""Cases of the image operators: operator, inputs (values or shapes, with a dtype), parameters."""

IMAGE = [[[172, 47, 117], [192, 67, 251], [195, 103, 9]], [[211, 21, 242], [36, 87, 70], [216, 88, 140]]]
BYTES = (IMAGE, "uint8")
GRAY = ([[[127], [32], [31]], [[202], [244], [151]]], "uint8")
WIDE = [[[(7 * y * y + 31 * x + 11 * c * x * y) % 256 for c in range(3)] for x in range(7)] for y in range(6)]
FIXED = {"fixed": ("data",)}

CASES = [
    *(
        (f"image.random_{what}", {"data": image}, {"min_factor": factor, "max_factor": factor, **FIXED})
        for what in ("brightness", "contrast")
        for image in (IMAGE, BYTES, GRAY)
        for factor in (0.5, 1.3)
    ),
    *(
        ("image.random_hue", {"data": IMAGE}, {"min_factor": factor, "max_factor": factor, **FIXED})
        for factor in (0.0, 0.25, 0.5, 1.3)
    ),
    ("image.adjust_lighting", {"data": IMAGE}, {"alpha": (0.1, 0.2, -0.3)}),
    ("image.adjust_lighting", {"data": BYTES}, {"alpha": (0.1, 0.2, -0.3)}),
    ("image.random_lighting", {"data": BYTES}, {"alpha_std": 0.0}),
    ("image.flip_left_right", {"data": [row[:2] for row in IMAGE]}, FIXED),
    ("image.flip_top_bottom", {"data": BYTES}, FIXED),
    ("image.crop", {"data": IMAGE}, {"x": 1, "y": 0, "width": 2, "height": 1}),
    ("image.crop", {"data": (2, 4, 5, 3)}, {"x": 1, "y": 2, "width": 3, "height": 2}),
    ("image.to_tensor", {"data": BYTES}, {}),
    ("image.to_tensor", {"data": (2, 4, 5, 3)}, FIXED),
    ("image.normalize", {"data": (3, 2, 2)}, {"mean": (0.1, 0.2, 0.3), "std": (3, 2, 0.5)}),
    ("image.normalize", {"data": (2, 1, 2, 2)}, {"mean": 0.5, "std": 2}),
    *(
        ("image.resize", {"data": image}, {"size": size, "interp": interp, **FIXED})
        for image in (WIDE, (WIDE, "uint8"))
        for size in ((4, 3), (11, 9), (5, 9))
        for interp in range(5)
    ),
    ("image.resize", {"data": [WIDE, WIDE]}, {"size": 4, "keep_ratio": True, **FIXED}),
    ("image.resize", {"data": (WIDE, "uint8")}, {"size": 8, **FIXED}),
]
