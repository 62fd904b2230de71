"""Starts a job with the command line of MXNet's tools/launch.py."""

# Source: arguments and defaults as in MXNet 1.9.1 (ssh is the default launcher; as many servers as workers).

import argparse
import sys

from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.launch import launch
from mxtrain_deploy.options import LaunchOptions


def parse_arguments(words: list[str]) -> LaunchOptions:
    """Read the command line; what follows the first word that is no option belongs to the workers' command."""
    parser = argparse.ArgumentParser(description="Launch a distributed job.")
    parser.add_argument("-n", "--num-workers", required=True, type=int, help="number of workers")
    parser.add_argument("-s", "--num-servers", type=int, help="number of servers; as many as workers if left out")
    parser.add_argument("-H", "--hostfile", help="file with one host or host:port a line; needed for ssh")
    parser.add_argument("--sync-dst-dir", help="copy the working directory there on each host first (ssh)")
    parser.add_argument("--launcher", default="ssh", choices=["local", "ssh", "mpi", "sge", "yarn"])
    for name, whom in (("server", "servers"), ("worker", "workers")):
        parser.add_argument(
            f"--env-{name}", action="append", default=[], metavar="NAME:VALUE", help=f"a variable for the {whom}"
        )
    parser.add_argument("--env", action="append", default=[], metavar="NAME", help="pass this variable on to all")
    parser.add_argument("--p3", action="store_true", help="accepted and ignored")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what each worker runs")
    args = parser.parse_args(words)
    if args.launcher in ("sge", "yarn"):
        parser.error(f"--launcher {args.launcher}: expected local, ssh or mpi; see also mxtrain launch --help.")
    if not args.command:
        parser.error("expected the workers' command after the options.")
    return LaunchOptions(
        command=as_command(args.command),
        num_workers=args.num_workers,
        num_servers=args.num_workers if args.num_servers is None else args.num_servers,
        launcher=args.launcher,
        hostfile=args.hostfile,
        sync_dst_dir=args.sync_dst_dir,
        env=args.env,
        env_server=args.env_server,
        env_worker=args.env_worker,
    )


def as_command(words: list[str]) -> tuple[str, ...]:
    """A command in one quoted string is a line for the shell, as MXNet's launcher treats it."""
    if len(words) == 1 and " " in words[0]:
        return ("/bin/sh", "-c", words[0])
    return tuple(words)


def main() -> int:
    """Run the job; return the launcher's exit code."""
    try:
        return launch(parse_arguments(sys.argv[1:]))
    except LaunchError as error:
        sys.stderr.write(f"launch.py: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
