"""
A local Realtime service: real sockets, both protocols, scripts and faults.

    with Simulator(replies=["Hello!"]) as service:
        print(service.url)

It needs the ``simulator`` extra (the ``websockets`` package) when it is started, and
nothing else of this library. ``README.md`` beside this file says what it can do, and
what it cannot.
"""

from ._server import Simulator
from ._service.connection import Connection
from ._service.script import Reply, Request, ToolCall

__all__ = ["Connection", "Reply", "Request", "Simulator", "ToolCall"]

# Tracebacks, `repr` and `help` show the documented name, not the file.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
