"""A process that is killed while it writes a checkpoint leaves the one before, or the new one, and never a mixture."""

from pathlib import Path

import pytest
from processes import run_python

DRIVER = Path(__file__).parent.parent / "support" / "killed_writers.py"


@pytest.mark.timeout(300)
def test_killed_at_each_file_operation(tmp_path: Path) -> None:
    done = run_python(str(DRIVER), str(tmp_path), timeout=280)
    assert done.returncode == 0, done.stderr
    lines = [line.rsplit(" ", 4) for line in done.stdout.splitlines()]
    assert {line[-1] for line in lines} == {"equal"}, done.stdout
    killed = {what: [found for name, _, code, found, _ in lines if name == what and code == "-9"] for what, *_ in lines}
    assert len(killed["stopped"]) > 14
    assert len(killed["written again"]) > 14
    # what is found changes at one operation each: the rename that commits a checkpoint, the removal of an old one's
    assert list(dict.fromkeys(killed["stopped"])) == ["nothing", "net-1"]
    assert list(dict.fromkeys(killed["written again"])) == ["net-3", "net-2"]
    assert {what: found for what, _, code, found, _ in lines if code != "-9"} == {
        "stopped": "net-stop-5",
        "written again": "net-3",
    }
