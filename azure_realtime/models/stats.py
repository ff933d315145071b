"""
Numbers about a client, for those who watch it.
"""

import attrs

from ._base import Value


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Stats(Value):
    """
    A snapshot of a client's numbers.

    Attributes:
        send_queue: Messages that wait to be sent.
        send_queue_bytes: Their size.
        send_queue_peak_bytes: The most there was.
        callback_queue: Events that wait for listeners.
        callback_queue_peak: The most there were.
        callback_queue_bytes: Their size, about.
        callback_queue_peak_bytes: The most there was.
        dispatch_lag: Seconds that the event delivered last had waited, or that the
            oldest has been waiting by now, whichever is more.
        events_dropped: Audio deltas that were not delivered, for listeners were slow.
        audio_dropped: Messages of audio that were never sent, or were lost with a
            session before they were committed.
        bytes_sent: Over all connections, frames included.
        bytes_received: Likewise.
        reconnects: Sessions that took the place of another.
        round_trip: Seconds between the last ping and the next sign of life; None
            before there was one. Pings are sent only when nothing else comes.
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
