"""The README's first two commands do all the set-up; their form is part of what it promises."""

import re

from source_tree import REPOSITORY


def fenced_blocks() -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_the_first_two_blocks_are_one_line_each() -> None:
    train, test = fenced_blocks()[:2]
    assert train.count("\n") == test.count("\n") == 1
    assert train.startswith("deploy/setup && .venv/bin/mxtrain launch -n 2 -s 2 ")
    assert test.startswith("deploy/setup dev && ")


def test_files_that_the_readme_names_exist() -> None:
    text = (REPOSITORY / "README.md").read_text()
    named = set(re.findall(r"\b(?:examples|deploy|docs|benchmarks)/[\w./-]*\w", text))
    missing = sorted(name for name in named if not (REPOSITORY / name).exists())
    assert not missing
