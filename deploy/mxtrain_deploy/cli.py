"""The command line: `mxtrain launch`, `server`, `scheduler`, `run`.

A command only reads its arguments and returns what is to be done; that then runs outside the argument parser, so that
an interrupt or an exit code means what it means in any Python program. What is heavy is imported only by the command
that needs it.
"""

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import click

Action = Callable[[], int]

_ANY_WORDS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("mxtrain"), prog_name="mxtrain")
def cli() -> None:
    """Distributed training with a parameter-server KVStore."""


@cli.command("launch", context_settings=_ANY_WORDS)
@click.option("-n", "--num-workers", type=click.IntRange(min=1), required=True, help="How many workers run COMMAND.")
@click.option(
    "-s", "--num-servers", type=click.IntRange(min=0), help="How many servers; as many as workers if left out."
)
@click.option(
    "--launcher",
    type=click.Choice(["local", "ssh", "mpi", "slurm", "kubernetes", "ray"]),
    default="local",
    show_default=True,
    help="What places the processes on machines and starts them.",
)
@click.option("-H", "--hostfile", type=click.Path(), help="For ssh and mpi: a file with one host or host:port a line.")
@click.option("--port", type=click.IntRange(1, 65535), help="The scheduler's port; a free one if left out.")
@click.option("--root-uri", help="The scheduler's address; 127.0.0.1, or for ssh the one that the first host reaches.")
@click.option(
    "--replicas", type=click.IntRange(0, 1), help="Copies of all parameters on other servers; 1 with several servers."
)
@click.option(
    "--max-servers", type=click.IntRange(min=1), help="Servers when more are added later; see `mxtrain add-server`."
)
@click.option(
    "--max-restarts",
    type=click.IntRange(min=0),
    help="How many processes that were killed are started again; 3 with replicas, else 0.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=1),
    default=30.0,
    show_default=True,
    help="Seconds that a job may take to stop with a checkpoint before it is killed.",
)
@click.option("--env", multiple=True, metavar="NAME[=VALUE]", help="A variable for every process; may be repeated.")
@click.option("--env-server", multiple=True, metavar="NAME[=VALUE]", help="A variable for the servers.")
@click.option("--env-worker", multiple=True, metavar="NAME[=VALUE]", help="A variable for the workers.")
@click.option("--sync-dst-dir", metavar="DIR", help="For ssh: copy the working directory to DIR on each host first.")
@click.option("--remote-python", metavar="PATH", help="The interpreter on other hosts; by default this one's path.")
@click.option(
    "--launcher-args", default="", metavar="WORDS", help="Options for mpirun or sbatch, or what pods of workers need."
)
@click.option("--image", help="For kubernetes: the container image; `mxtrain` if left out.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="For slurm and kubernetes: write to this file.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def launch_command(num_servers: int | None, remote_python: str | None, **options: Any) -> Action:
    """Start a scheduler, servers and workers, watch them, and end them together.

    COMMAND is what each worker runs; a name that ends in .py is run by this Python. Every line of output carries the
    role and rank of its process. A process that is killed is started again and takes its old place. When none may be
    started again, or a process fails, the job ends with a message that names it, and its exit code.
    """

    def action() -> int:
        from mxtrain_deploy.launch import launch
        from mxtrain_deploy.options import LaunchOptions

        servers = options["num_workers"] if num_servers is None else num_servers
        return launch(LaunchOptions(num_servers=servers, remote_python=remote_python or sys.executable, **options))

    return action


def _role_options(command: Callable[..., Action]) -> Callable[..., Action]:
    """What a server and a scheduler need to know of their job; each has its DMLC variable."""
    for name, kind, text in (
        ("num-server", click.IntRange(min=1), "How many servers the job has."),
        ("num-worker", click.IntRange(min=1), "How many workers the job has."),
        ("ps-root-port", click.IntRange(1, 65535), "The scheduler's port."),
        ("ps-root-uri", click.STRING, "The scheduler's address."),
    ):
        variable = "DMLC_" + name.upper().replace("-", "_")
        command = click.option(f"--{name}", type=kind, envvar=variable, required=True, show_envvar=True, help=text)(
            command
        )
    return command


@cli.command("server")
@_role_options
def server_command(**place: object) -> Action:
    """Serve parameters until the job ends."""
    return lambda: _serve("server", place)


@cli.command("add-server")
@click.option("--port", type=click.IntRange(1, 65535), help="The scheduler's port, where several jobs run here.")
def add_server_command(port: int | None) -> Action:
    """Be one more server of a job whose scheduler runs on this machine, until the job ends.

    The job was started with --max-servers. On another machine, run `mxtrain server` with the job's variables.
    """

    def action() -> int:
        from mxtrain_deploy.added_server import add_server

        return add_server(port)

    return action


@cli.command("scheduler")
@_role_options
def scheduler_command(**place: object) -> Action:
    """Coordinate servers and workers until the job ends."""
    return lambda: _serve("scheduler", place)


def _serve(role: str, place: dict[str, object]) -> int:
    from mxtrain_server.main import serve_role

    os.environ.update({"DMLC_" + name.upper(): str(value) for name, value in place.items()}, DMLC_ROLE=role)
    return serve_role(role)


@cli.command("status")
@click.option("--root-uri", metavar="HOST", help="The scheduler's address; 127.0.0.1 if left out.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port; without it, all jobs on this machine.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON a job.")
@click.option("--watch", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Ask again every so many seconds.")
def status_command(**options: Any) -> Action:
    """Show a running job: nodes, rounds, rates, who is late, what went wrong.

    The address and the key of the job may come from DMLC_PS_ROOT_URI, DMLC_PS_ROOT_PORT and MXTRAIN_CLUSTER_KEY.
    """

    def action() -> int:
        from mxtrain_deploy.status.command import show_status

        return show_status(**options)

    return action


@cli.command("doctor")
@click.option("-n", "--num-workers", type=click.IntRange(min=1), default=1, show_default=True, help="Workers.")
@click.option("-s", "--num-servers", type=click.IntRange(min=0), default=1, show_default=True, help="Servers.")
@click.option(
    "--launcher",
    type=click.Choice(["local", "ssh", "mpi", "slurm", "kubernetes", "ray"]),
    default="local",
    show_default=True,
    help="What would start it.",
)
@click.option("-H", "--hostfile", type=click.Path(), help="The hosts: a file with one host or host:port a line.")
@click.option("--root-uri", metavar="HOST", help="The scheduler's address.")
@click.option("--port", type=click.IntRange(1, 65535), help="The scheduler's port.")
@click.option("--remote-python", metavar="PATH", help="The interpreter on other hosts; by default this one's path.")
@click.option("--timeout", type=click.FloatRange(min=1), default=30.0, show_default=True, help="Seconds for a host.")
def doctor_command(remote_python: str | None, **options: Any) -> Action:
    """Find out before a job why it would not start; takes the options of `launch`.

    Each line is OK, WARN or FAIL, with what to do. The exit code is 1 where a job would not start.
    """

    def action() -> int:
        from mxtrain_deploy.doctor.command import examine
        from mxtrain_deploy.doctor.site import Wanted

        return examine(Wanted(remote_python=remote_python or sys.executable, **options))

    return action


@cli.command("trace")
@click.argument("folder", type=click.Path())
@click.option("-o", "--output", default="merged.json", show_default=True, type=click.Path(dir_okay=False))
def trace_command(folder: str, output: str) -> Action:
    """Merge the traces that a job wrote into FOLDER (MXTRAIN_TRACE=FOLDER) into one for Perfetto."""

    def action() -> int:
        from mxtrain_deploy.trace import merge

        return merge(folder, output)

    return action


@cli.command("metrics-token")
@click.option("--cluster-key", envvar="MXTRAIN_CLUSTER_KEY", required=True, show_envvar=True, help="The job's key.")
def metrics_token_command(cluster_key: str) -> Action:
    """Print the bearer token by which Prometheus may read the metrics of a job that leaves one machine."""

    def action() -> int:
        from mxtrain_server.metrics.access import derived_token

        click.echo(derived_token(cluster_key))
        return 0

    return action


@cli.command("run", context_settings=_ANY_WORDS)
@click.argument("script", type=click.Path())
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run_command(script: str, args: tuple[str, ...]) -> Action:
    """Run SCRIPT as `python SCRIPT ARGS` would, with `import mxnet` giving mxtrain."""

    def action() -> int:
        from mxtrain_deploy.script import run_script

        return run_script(script, args)

    return action


def main() -> None:
    """Read the arguments, do what they say, and exit with its code."""
    # `python -m` names the program after the file; the prefix of messages stays the same in both ways of starting.
    try:
        action = cli.main(prog_name="mxtrain", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(_perform(action) if callable(action) else action)


def _perform(action: Action) -> int:
    from mxtrain_deploy.job import LaunchError

    try:
        return action()
    except LaunchError as error:
        click.echo(f"mxtrain: {error}", err=True)
        return 2
