"""`_contrib_mrcnn_mask_target`: the masks that a network with regions of interest should predict."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.regions import images_of, pool_regions
from mxtrain.ops.vision.roi_align import region_weights


@operator(
    "_contrib_mrcnn_mask_target",
    cases=[
        Case(
            rois=np.array([[[2.3, 4.3, 2.2, 3.3], [3.5, 5.5, 0.9, 2.4]], [[0.0, 0.0, 4.0, 4.0], [1.0, 2.0, 3.0, 7.5]]]),
            gt_masks=(2, 3, 8, 8),
            matches=np.array([[2.0, 0.0], [1.0, 1.0]]),
            cls_targets=np.array([[2.0, 1.0], [0.0, 3.0]]),
            num_rois=2,
            num_classes=4,
            mask_size=(3, 2),
        )
    ],
)
class MaskTarget:
    """Masks cut out of whole ones for each region of interest, and which class they are for.

    rois: (B, num_rois, 4), corners in pixels. gt_masks: (B, M, H, W). matches: (B, num_rois), in [0, M). cls_targets:
    (B, num_rois), classes. Outputs, (B, num_rois, num_classes, h, w), mask_size = (h, w): the mask of each region's
    match, averaged as by `_contrib_ROIAlign`, the same for all classes; and 1 for the region's class, 0 for others.
    No gradient flows. Source: arXiv:1703.06870; MXNet 1.9.1, which has it on GPUs only.
    """

    outputs = ("mask_targets", "mask_cls")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        rois, masks, matches, classes = ins
        matches = shapes.unify_all([matches, classes, (-1, p.num_rois), None if rois is None else rois[:2]])
        result = shapes.unify_all([*outs, (matches[0], p.num_rois, p.num_classes, *p.mask_size)])
        matches = (result[0], p.num_rois)
        masks = shapes.unify(masks, (result[0], -1, -1, -1))
        return [shapes.unify(rois, (*matches, 4)), masks, matches, matches], [result, result]

    def forward(
        xp,
        rois,
        gt_masks,
        matches,
        cls_targets,
        *,
        num_rois: int,
        num_classes: int,
        mask_size: Shape,
        sample_ratio: int = 2,
        aligned: bool = False,
    ):
        types.require_floating(gt_masks.dtype)
        if gt_masks.ndim != 4 or len(mask_size) != 2 or min(mask_size) < 1:
            raise ArgumentError(
                f"Expected: gt_masks of (B, M, H, W), mask_size of two positive sizes. "
                f"Received: {gt_masks.shape}, mask_size={mask_size}."
            )
        batch, count, height, width = gt_masks.shape
        require_shape("rois", rois, (batch, num_rois, 4))
        require_shape("matches", matches, (batch, num_rois))
        require_shape("cls_targets", cls_targets, (batch, num_rois))
        masks = widen(xp, gt_masks).reshape(batch * count, 1, height, width)
        chosen = (xp.arange(batch)[:, None] * count + matches.astype(np.int64)).astype(masks.dtype)
        regions = xp.concatenate([chosen[..., None], rois.astype(masks.dtype)], axis=2)
        regions = regions.reshape(batch * num_rois, 5)
        weights = region_weights(xp, regions, height, width, mask_size, 1.0, sample_ratio, aligned)
        cut = pool_regions(xp, masks, images_of(xp, regions, len(masks)), *weights)
        shape = (batch, num_rois, num_classes, *mask_size)
        targets = xp.broadcast_to(cut.reshape(batch, num_rois, 1, *mask_size), shape).astype(gt_masks.dtype)
        own = cls_targets.astype(np.int64)[..., None] == xp.arange(num_classes)
        return targets, xp.broadcast_to(own[..., None, None], shape).astype(gt_masks.dtype)
