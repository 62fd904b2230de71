"""Operators that detect objects: boxes, anchors, targets, suppression."""
