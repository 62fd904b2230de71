from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Frames(_message.Message):
    __slots__ = ("frame", "padding")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    frame: _containers.RepeatedScalarFieldContainer[bytes]
    padding: bytes
    def __init__(self, frame: _Optional[_Iterable[bytes]] = ..., padding: _Optional[bytes] = ...) -> None: ...
