from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_SCHEDULER: _ClassVar[Role]
    ROLE_SERVER: _ClassVar[Role]
    ROLE_WORKER: _ClassVar[Role]

class NodeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_STATE_UNSPECIFIED: _ClassVar[NodeState]
    NODE_STATE_ACTIVE: _ClassVar[NodeState]
    NODE_STATE_FINISHED: _ClassVar[NodeState]
    NODE_STATE_DEAD: _ClassVar[NodeState]
    NODE_STATE_LOST: _ClassVar[NodeState]
ROLE_UNSPECIFIED: Role
ROLE_SCHEDULER: Role
ROLE_SERVER: Role
ROLE_WORKER: Role
NODE_STATE_UNSPECIFIED: NodeState
NODE_STATE_ACTIVE: NodeState
NODE_STATE_FINISHED: NodeState
NODE_STATE_DEAD: NodeState
NODE_STATE_LOST: NodeState

class NodeMessage(_message.Message):
    __slots__ = ("register", "heartbeat", "enter_barrier", "finish", "fail", "synced", "can_stop", "ask_stop", "at_step", "stopped", "handed_over")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    ENTER_BARRIER_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    CAN_STOP_FIELD_NUMBER: _ClassVar[int]
    ASK_STOP_FIELD_NUMBER: _ClassVar[int]
    AT_STEP_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_FIELD_NUMBER: _ClassVar[int]
    register: Register
    heartbeat: Heartbeat
    enter_barrier: EnterBarrier
    finish: Finish
    fail: Fail
    synced: Synced
    can_stop: CanStop
    ask_stop: AskStop
    at_step: AtStep
    stopped: Stopped
    handed_over: HandedOver
    def __init__(self, register: _Optional[_Union[Register, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., enter_barrier: _Optional[_Union[EnterBarrier, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., fail: _Optional[_Union[Fail, _Mapping]] = ..., synced: _Optional[_Union[Synced, _Mapping]] = ..., can_stop: _Optional[_Union[CanStop, _Mapping]] = ..., ask_stop: _Optional[_Union[AskStop, _Mapping]] = ..., at_step: _Optional[_Union[AtStep, _Mapping]] = ..., stopped: _Optional[_Union[Stopped, _Mapping]] = ..., handed_over: _Optional[_Union[HandedOver, _Mapping]] = ...) -> None: ...

class SchedulerMessage(_message.Message):
    __slots__ = ("welcome", "refused", "view", "barrier_released", "barrier_failed", "goodbye", "end_of_job", "abort", "orderly_stop", "stop_at", "all_stopped", "leave")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    BARRIER_RELEASED_FIELD_NUMBER: _ClassVar[int]
    BARRIER_FAILED_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    END_OF_JOB_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    ORDERLY_STOP_FIELD_NUMBER: _ClassVar[int]
    STOP_AT_FIELD_NUMBER: _ClassVar[int]
    ALL_STOPPED_FIELD_NUMBER: _ClassVar[int]
    LEAVE_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    refused: Refused
    view: View
    barrier_released: BarrierReleased
    barrier_failed: BarrierFailed
    goodbye: Goodbye
    end_of_job: EndOfJob
    abort: Abort
    orderly_stop: OrderlyStop
    stop_at: StopAt
    all_stopped: AllStopped
    leave: Leave
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., view: _Optional[_Union[View, _Mapping]] = ..., barrier_released: _Optional[_Union[BarrierReleased, _Mapping]] = ..., barrier_failed: _Optional[_Union[BarrierFailed, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., end_of_job: _Optional[_Union[EndOfJob, _Mapping]] = ..., abort: _Optional[_Union[Abort, _Mapping]] = ..., orderly_stop: _Optional[_Union[OrderlyStop, _Mapping]] = ..., stop_at: _Optional[_Union[StopAt, _Mapping]] = ..., all_stopped: _Optional[_Union[AllStopped, _Mapping]] = ..., leave: _Optional[_Union[Leave, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("protocol", "job", "role", "node", "preferred_rank", "host", "pid", "endpoint", "version", "again", "rank", "barriers", "released", "view")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_RANK_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGAIN_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    BARRIERS_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    job: str
    role: Role
    node: str
    preferred_rank: int
    host: str
    pid: int
    endpoint: str
    version: str
    again: bool
    rank: int
    barriers: int
    released: int
    view: View
    def __init__(self, protocol: _Optional[int] = ..., job: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., node: _Optional[str] = ..., preferred_rank: _Optional[int] = ..., host: _Optional[str] = ..., pid: _Optional[int] = ..., endpoint: _Optional[str] = ..., version: _Optional[str] = ..., again: bool = ..., rank: _Optional[int] = ..., barriers: _Optional[int] = ..., released: _Optional[int] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("counters",)
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: Counters
    def __init__(self, counters: _Optional[_Union[Counters, _Mapping]] = ...) -> None: ...

class Counters(_message.Message):
    __slots__ = ("rounds", "bytes_in", "bytes_out", "samples", "waited", "dropped", "keys", "parameter_bytes", "passed_over")
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_IN_FIELD_NUMBER: _ClassVar[int]
    BYTES_OUT_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_BYTES_FIELD_NUMBER: _ClassVar[int]
    PASSED_OVER_FIELD_NUMBER: _ClassVar[int]
    rounds: int
    bytes_in: int
    bytes_out: int
    samples: int
    waited: float
    dropped: int
    keys: int
    parameter_bytes: int
    passed_over: int
    def __init__(self, rounds: _Optional[int] = ..., bytes_in: _Optional[int] = ..., bytes_out: _Optional[int] = ..., samples: _Optional[int] = ..., waited: _Optional[float] = ..., dropped: _Optional[int] = ..., keys: _Optional[int] = ..., parameter_bytes: _Optional[int] = ..., passed_over: _Optional[int] = ...) -> None: ...

class EnterBarrier(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Fail(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Synced(_message.Message):
    __slots__ = ("shard", "node")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    shard: int
    node: str
    def __init__(self, shard: _Optional[int] = ..., node: _Optional[str] = ...) -> None: ...

class HandedOver(_message.Message):
    __slots__ = ("shard", "node", "epoch")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    shard: int
    node: str
    epoch: int
    def __init__(self, shard: _Optional[int] = ..., node: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class CanStop(_message.Message):
    __slots__ = ("can", "saves")
    CAN_FIELD_NUMBER: _ClassVar[int]
    SAVES_FIELD_NUMBER: _ClassVar[int]
    can: bool
    saves: bool
    def __init__(self, can: bool = ..., saves: bool = ...) -> None: ...

class AskStop(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class AtStep(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: int
    def __init__(self, step: _Optional[int] = ...) -> None: ...

class Stopped(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("rank", "heartbeat_interval", "heartbeat_timeout", "replaces", "released", "host", "pid", "joins", "time")
    RANK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    JOINS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    rank: int
    heartbeat_interval: float
    heartbeat_timeout: float
    replaces: bool
    released: int
    host: str
    pid: int
    joins: bool
    time: float
    def __init__(self, rank: _Optional[int] = ..., heartbeat_interval: _Optional[float] = ..., heartbeat_timeout: _Optional[float] = ..., replaces: bool = ..., released: _Optional[int] = ..., host: _Optional[str] = ..., pid: _Optional[int] = ..., joins: bool = ..., time: _Optional[float] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("role", "rank", "node", "host", "pid", "endpoint", "state")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    role: Role
    rank: int
    node: str
    host: str
    pid: int
    endpoint: str
    state: NodeState
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., rank: _Optional[int] = ..., node: _Optional[str] = ..., host: _Optional[str] = ..., pid: _Optional[int] = ..., endpoint: _Optional[str] = ..., state: _Optional[_Union[NodeState, str]] = ...) -> None: ...

class View(_message.Message):
    __slots__ = ("epoch", "nodes", "shards", "replicas", "movable")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    MOVABLE_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    shards: _containers.RepeatedCompositeFieldContainer[Shard]
    replicas: int
    movable: bool
    def __init__(self, epoch: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., shards: _Optional[_Iterable[_Union[Shard, _Mapping]]] = ..., replicas: _Optional[int] = ..., movable: bool = ...) -> None: ...

class Shard(_message.Message):
    __slots__ = ("number", "primary", "backup", "learner", "successor")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    LEARNER_FIELD_NUMBER: _ClassVar[int]
    SUCCESSOR_FIELD_NUMBER: _ClassVar[int]
    number: int
    primary: str
    backup: str
    learner: str
    successor: str
    def __init__(self, number: _Optional[int] = ..., primary: _Optional[str] = ..., backup: _Optional[str] = ..., learner: _Optional[str] = ..., successor: _Optional[str] = ...) -> None: ...

class BarrierReleased(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class BarrierFailed(_message.Message):
    __slots__ = ("number", "reason")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    number: int
    reason: str
    def __init__(self, number: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EndOfJob(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OrderlyStop(_message.Message):
    __slots__ = ("reason", "seconds")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    seconds: float
    def __init__(self, reason: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class StopAt(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: int
    def __init__(self, step: _Optional[int] = ...) -> None: ...

class AllStopped(_message.Message):
    __slots__ = ("writer",)
    WRITER_FIELD_NUMBER: _ClassVar[int]
    writer: int
    def __init__(self, writer: _Optional[int] = ...) -> None: ...

class Leave(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Abort(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("job", "phase", "epoch", "nodes", "uptime", "reason", "dropped_messages", "barrier_waiting", "shards", "reports", "problems", "replaced")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DROPPED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    BARRIER_WAITING_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    job: str
    phase: str
    epoch: int
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    uptime: float
    reason: str
    dropped_messages: int
    barrier_waiting: _containers.RepeatedScalarFieldContainer[str]
    shards: _containers.RepeatedCompositeFieldContainer[Shard]
    reports: _containers.RepeatedCompositeFieldContainer[Report]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    replaced: int
    def __init__(self, job: _Optional[str] = ..., phase: _Optional[str] = ..., epoch: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., uptime: _Optional[float] = ..., reason: _Optional[str] = ..., dropped_messages: _Optional[int] = ..., barrier_waiting: _Optional[_Iterable[str]] = ..., shards: _Optional[_Iterable[_Union[Shard, _Mapping]]] = ..., reports: _Optional[_Iterable[_Union[Report, _Mapping]]] = ..., problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., replaced: _Optional[int] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("node", "silence", "counters", "rounds_per_second", "bytes_per_second", "samples_per_second", "waiting", "straggler", "replaced")
    NODE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    STRAGGLER_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    node: str
    silence: float
    counters: Counters
    rounds_per_second: float
    bytes_per_second: float
    samples_per_second: float
    waiting: float
    straggler: bool
    replaced: int
    def __init__(self, node: _Optional[str] = ..., silence: _Optional[float] = ..., counters: _Optional[_Union[Counters, _Mapping]] = ..., rounds_per_second: _Optional[float] = ..., bytes_per_second: _Optional[float] = ..., samples_per_second: _Optional[float] = ..., waiting: _Optional[float] = ..., straggler: bool = ..., replaced: _Optional[int] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("age", "text")
    AGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    age: float
    text: str
    def __init__(self, age: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...
