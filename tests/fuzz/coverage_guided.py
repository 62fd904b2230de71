"""Coverage-guided fuzzing of all decoders by atheris (libFuzzer): pip install atheris.

    python tests/fuzz/coverage_guided.py --seconds 600            # all decoders, each for its share of the time
    python tests/fuzz/coverage_guided.py --only snapshot params --runs 100000

A decoder that raises anything but MXNetError ends the run of that decoder, which prints the input; --again FILE gives
an input to a decoder once more. Each decoder runs in a process of its own; its memory before and after is printed.
"""

import argparse
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

#: Most bytes of an input, and most MiB that the process of a decoder may take.
MAX_BYTES, MAX_MIB = 4096, 2048
INSTRUMENTED = [
    "mxtrain_kvstore",
    "mxtrain_server",
    "mxtrain.ndarray.params_file",
    "mxtrain.ndarray.serialization",
    "mxtrain.ndarray.bounded_reader",
    "mxtrain.optimizer",
    "mxtrain.symbol",
    "in_memory_cluster",
]


def resident() -> int:
    """MiB that this process takes."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[0]) // 1024


def fuzz(name: str, arguments: list[str]) -> None:
    """Be the process of one decoder; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from decoders import decoders
    logging.disable(logging.CRITICAL)
    decoder = decoders()[name]
    for example in decoder.examples:
        decoder.survives(example)
    count = [0, 0]
    meant = [0]

    def one(data: bytes) -> None:
        count[0] += 1
        meant[0] += decoder.survives(data)
        if count[0] == 1000:
            count[1] = resident()
        if count[0] % 10000 == 0:
            print(f"@ {count[0]} {meant[0]} {count[1]} {resident()}", flush=True)

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def run(name: str, seconds: float, runs: int, folder: Path) -> tuple[int, str]:
    """Fuzz one decoder in a process of its own; (number of inputs, a line for people)."""
    from decoders import decoders

    corpus = folder / name
    corpus.mkdir()
    for number, example in enumerate(decoders()[name].examples):
        (corpus / f"example{number}").write_bytes(example)
    options = [f"-max_total_time={int(seconds)}", f"-max_len={MAX_BYTES}", f"-rss_limit_mb={MAX_MIB}", "-timeout=20"]
    words = [*options, f"-runs={runs}", f"-artifact_prefix={folder}/{name}-", "-print_final_stats=1", str(corpus)]
    done = subprocess.run(
        [sys.executable, __file__, "--decoder", name, *words], check=False, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    stats = re.findall(r"stat::number_of_executed_units:\s+(\d+)", said)
    memory = re.findall(r"^@ (\d+) (\d+) (\d+) (\d+)$", said, re.MULTILINE)
    inputs = int(stats[-1]) if stats else 0
    line = f"| {name} | {inputs} | " + (" | ".join(memory[-1][1:]) if memory else " | | ") + f" | {done.returncode} |"
    if done.returncode:
        line += "\n" + said[-3000:]
    return inputs, line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="for all decoders together")
    parser.add_argument("--runs", type=int, default=-1, help="most inputs of each decoder")
    parser.add_argument("--only", nargs="*", default=[], help="names of decoders")
    parser.add_argument("--again", nargs=2, metavar=("DECODER", "FILE"), help="one input once more")
    given = parser.parse_args()
    from decoders import decoders

    if given.again:
        name, file = given.again
        print(decoders()[name].survives(Path(file).read_bytes()))
        return 0
    names = given.only or list(decoders())
    folder = Path(tempfile.mkdtemp(prefix="mxtrain-fuzz-"))
    print("| decoder | inputs | meant something | MiB after 1000 | MiB at the end | exit code |\n" + "|---" * 6 + "|")
    total, bad = 0, 0
    for name in names:
        inputs, line = run(name, given.seconds / len(names), given.runs, folder)
        print(line, flush=True)
        total += inputs
        bad += not line.endswith("| 0 |")
    print(f"{total} inputs, {bad} decoders failed; files in {folder}")
    return bad


if __name__ == "__main__":
    if sys.argv[1:2] == ["--decoder"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(bool(main()))
