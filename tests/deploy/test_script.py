"""`mxtrain run SCRIPT ARGS` and `mxtrain.install_as_mxnet()`."""

import signal
from pathlib import Path

import pytest
from processes import run_python, start_python

from mxtrain.version import __version__

RUNNERS = [("-m", "mxtrain", "run"), ("-m", "mxtrain_deploy", "run")]


@pytest.fixture(params=RUNNERS, ids=["mxtrain", "mxtrain_deploy"])
def runner(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


def write(directory: Path, code: str) -> str:
    path = directory / "old_script.py"
    path.write_text(code)
    return str(path)


def test_a_script_sees_what_python_would_show_it(runner: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("name = 'beside'")
    script = write(
        tmp_path,
        "import sys, beside\n"
        "print(sys.argv, sys.path[0], __name__, __file__, beside.name, sys.modules['__main__'].__dict__ is globals())",
    )
    plain = run_python(script, "--lr", "0.1", "-h")
    ours = run_python(*runner, script, "--lr", "0.1", "-h")
    assert (ours.returncode, ours.stdout) == (0, plain.stdout)


@pytest.mark.parametrize("code", ["import sys; sys.exit(7)", "sys.exit('bye')", "raise KeyError('x')", "1 +", "exit()"])
def test_exit_codes_and_tracebacks_are_those_of_python(tmp_path: Path, code: str) -> None:
    script = write(tmp_path, "def f():\n    pass\n" + code)
    plain, ours = run_python(script), run_python(*RUNNERS[0], script)
    assert (ours.returncode, ours.stderr) == (plain.returncode, plain.stderr)


def test_an_interrupt_ends_the_script_as_it_would_in_python(tmp_path: Path) -> None:
    process = start_python(*RUNNERS[0], write(tmp_path, "import time\nprint('up', flush=True)\ntime.sleep(60)"))
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert stderr.endswith("KeyboardInterrupt\n")


def test_a_script_that_is_not_there() -> None:
    done = run_python(*RUNNERS[0], "nowhere.py")
    assert done.returncode == 2
    assert "can't open script 'nowhere.py'" in done.stderr


def test_mxnet_is_mxtrain(runner: tuple[str, ...], tmp_path: Path) -> None:
    script = write(
        tmp_path,
        "import mxnet as mx, mxnet.ndarray, mxnet.base\n"
        "from mxnet import nd\n"
        "import mxtrain, mxtrain.base, sys\n"
        "assert mx is mxtrain and nd is mxtrain.nd\n"
        "assert mxnet.base is mxtrain.base is sys.modules['mxtrain.base'] is sys.modules['mxnet.base']\n"
        "assert mx.base.__spec__.name == 'mxtrain.base' and mx.__spec__.name == 'mxtrain'\n"
        "print(nd.ones(2).asnumpy())",
    )
    done = run_python(*runner, script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1. 1.]\n", "")


def test_processes_that_the_script_starts_know_the_alias(tmp_path: Path) -> None:
    script = write(
        tmp_path,
        "import multiprocessing, subprocess, sys\n"
        "import mxnet as mx\n"
        "def child(queue):\n"
        "    queue.put(mx.__name__)\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    queue = context.Queue()\n"
        "    process = context.Process(target=child, args=(queue,))\n"
        "    process.start()\n"
        "    print(queue.get(timeout=30))\n"
        "    process.join()\n"
        "    subprocess.run([sys.executable, '-c', 'import mxnet; print(mxnet.__name__)'], check=True)",
    )
    done = run_python(*RUNNERS[0], script)
    assert (done.returncode, done.stdout) == (0, "mxtrain\nmxtrain\n"), done.stderr


def test_a_module_that_mxtrain_lacks_is_named_with_both_names() -> None:
    code = "import mxtrain; mxtrain.install_as_mxnet(); import mxnet.no_such_thing"
    done = run_python("-c", code)
    expected = (
        "ModuleNotFoundError: No module named 'mxnet.no_such_thing': mxtrain stands for mxnet here and has no module"
    )
    assert f"{expected} 'mxtrain.no_such_thing'." in done.stderr


def test_installing_twice_changes_nothing() -> None:
    code = (
        "import mxtrain, sys\n"
        "mxtrain.install_as_mxnet(); before = len(sys.meta_path); mxtrain.install_as_mxnet()\n"
        "import mxnet\n"
        "print(mxnet is mxtrain, len(sys.meta_path) - before)"
    )
    assert run_python("-c", code).stdout == "True 0\n"


def test_a_plain_run_does_not_know_mxnet(tmp_path: Path) -> None:
    """The stand-in must not lie in any directory that is on the path by itself."""
    done = run_python("-c", "import mxtrain, mxnet")
    assert "No module named 'mxnet'" in done.stderr


@pytest.mark.parametrize("role", ["server", "scheduler"])
def test_the_roles_are_served_at_import(role: str) -> None:
    code = (
        "import sys, types, mxtrain\n"
        "served = types.ModuleType('mxtrain.kvstore.kvstore_server')\n"
        "def _init_kvstore_server_module():\n"
        "    print('served'); sys.exit(0)\n"
        "served._init_kvstore_server_module = _init_kvstore_server_module\n"
        "sys.modules['mxtrain.kvstore.kvstore_server'] = served\n"
        "mxtrain.install_as_mxnet()\n"
        "print('installed')\n"
        "import mxnet\n"
        "print('not reached')"
    )
    done = run_python("-c", code, env={"DMLC_ROLE": role})
    assert (done.returncode, done.stdout) == (0, "installed\nserved\n"), done.stderr


def test_version() -> None:
    done = run_python("-m", "mxtrain_deploy", "--version")
    assert done.stdout == f"mxtrain, version {__version__}\n"
