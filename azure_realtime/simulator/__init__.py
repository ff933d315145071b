"""
A local Realtime service: real sockets, both protocols, scripts and faults.

    with Simulator(replies=["Hello!"]) as service:
        print(service.url)

Starting it requires the extra ``simulator`` (the ``websockets`` package). ``README.md``
in this folder lists what the simulator can and cannot do.
"""

from ._server import Simulator
from ._service.connection import Connection
from ._service.script import Reply, Request, ToolCall

__all__ = ["Connection", "Reply", "Request", "Simulator", "ToolCall"]

# So that tracebacks, `repr` and `help` show the documented name, not the file.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
