"""
The counters of a client, for monitoring.
"""

import attrs

from ._base import Value

__all__ = ["Stats"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Stats(Value):
    """
    A snapshot of a client's counters.

    Attributes:
        send_queue: Number of messages in the send queue.
        send_queue_bytes: Their size in bytes.
        send_queue_peak_bytes: The maximum of `send_queue_bytes`.
        callback_queue: Number of events queued for listeners.
        callback_queue_peak: The maximum of `callback_queue`.
        callback_queue_bytes: The approximate size of these events in bytes.
        callback_queue_peak_bytes: The maximum of `callback_queue_bytes`.
        dispatch_lag: Seconds in the queue: of the last delivered event, or of the
            oldest queued one if that is more.
        events_dropped: Number of audio deltas that were not delivered because
            listeners were too slow.
        audio_dropped: Number of audio messages that were not sent, or were lost with a
            session before they were committed.
        bytes_sent: Bytes sent on all connections, with WebSocket framing.
        bytes_received: Bytes received on all connections, with WebSocket framing.
        reconnects: Number of sessions that replaced an earlier one.
        round_trip: Seconds between the last ping and the next received data; None
            before the first. Pings are sent only while nothing is received.
    """

    send_queue: int
    send_queue_bytes: int
    send_queue_peak_bytes: int
    callback_queue: int
    callback_queue_peak: int
    callback_queue_bytes: int
    callback_queue_peak_bytes: int
    dispatch_lag: float
    events_dropped: int
    audio_dropped: int
    bytes_sent: int
    bytes_received: int
    reconnects: int
    round_trip: float | None
