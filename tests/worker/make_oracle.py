"""Writes oracle.json: what MXNet 1.9.1 makes of the trainings in tests/support/module_cases.py.

Run by hand with an interpreter that has MXNet 1.9.1; the tests read only the file that it writes.
"""

import json
import pathlib
import sys

import mxnet as mx

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

import module_cases  # noqa: E402  the path to it was set just above

found = {name: module_cases.train(mx, **options) for name, options in module_cases.CASES.items()}
(HERE / "oracle.json").write_text(json.dumps(found, indent=1) + "\n")
