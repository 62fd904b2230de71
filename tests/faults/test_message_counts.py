"""How many messages a round takes, as docs/scaling.md says: three for each worker and server, five with a replica."""

from collections import Counter
from typing import Any

import pytest
from simulation import Plan, World

pytestmark = [pytest.mark.fault]


def messages(workers: int, servers: int, replicas: int, rounds: int) -> Counter[str]:
    """The messages of a whole job in which nothing goes wrong, by kind."""
    plan = Plan(rounds=rounds, deaths=0, breaks=0.0, doubles=0.0)
    world = World(1, workers=workers, servers=servers, replicas=replicas, plan=plan)
    count: Counter[str] = Counter()
    send = world.send

    def counted(way: tuple, message: Any, frames: list[bytes], payload: Any) -> None:
        count[type(message).__name__] += 1
        send(way, message, frames, payload)

    world.send = counted  # type: ignore[method-assign]
    world.run()
    return count


@pytest.mark.parametrize(("workers", "servers"), [(4, 2), (10, 4)])
@pytest.mark.parametrize("replicas", [0, 1])
def test_messages_of_a_round(workers: int, servers: int, replicas: int) -> None:
    many, few = (messages(workers, servers, replicas, rounds) for rounds in (6, 2))
    many.subtract(few)
    kinds = ["Push", "Pull", "Pulled"] + ["Entry", "Acknowledge"] * replicas
    assert {kind: number for kind, number in many.items() if number} == dict.fromkeys(kinds, 4 * workers * servers)
