from google.protobuf import empty_pb2 as _empty_pb2
from node.pb.spacemesh.v1 import admin_types_pb2 as _admin_types_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
