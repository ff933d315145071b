"""
What the microphone and the loudspeaker of a notebook's page have in common.

Rules:

1. Messages to the page are comm messages, which arrive while a cell runs. Messages of
   the page take the side channel; comm messages, which arrive between cells, only
   where the page cannot reach it.
2. A message before the page has loaded the widget is lost. So the address of the side
   channel is announced until the page connects.
3. A kernel has one microphone and one loudspeaker in use. Opening another one closes
   the earlier one, so a cell that is run again leaves no second server.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from .._concurrency.deadline import Deadline
from ..audio.formats import checked_rate
from ..errors import AudioDeviceError
from . import widget
from .side_channel import SideChannel

_CONNECT_TIMEOUT = 5.0  # seconds; a page takes about one
_RETRY_TIMEOUT = 0.5  # seconds, after the first wait timed out
_ANNOUNCE_INTERVAL = 0.2  # seconds

_logger = logging.getLogger("azure_realtime.audio")

_in_use: dict[str, PageDevice] = {}


class PageDevice:
    """
    A device of the page.

    Args:
        name: ``microphone`` or ``speaker``.
        rate: Sample rate in Hz.

    Raises:
        AudioDeviceError: The extra ``jupyter`` is not installed.
        ValueError: *rate* is no sample rate.
    """

    def __init__(self, name: str, rate: int) -> None:
        self.rate = self._asked_rate = checked_rate(rate)
        self._name = name
        self._channel: SideChannel | None = None
        self._closed = False
        self._is_placed = self._has_warned = False
        self._origin: str | None = None
        self._widget = widget.make_widget(name)
        self._widget.on_msg(self._on_comm_message)

    def open(self) -> None:
        """
        Connect the page. The device is shown in the running cell, unless it has a cell
        of its own. It may be called more than once, also after `close`.

        It waits up to 5 s for the page. If the page cannot reach the kernel, a warning
        is logged, once (logger ``azure_realtime.audio``).

        Raises:
            AudioDeviceError: No notebook runs this code.
        """
        if self._channel is not None and not self._closed:
            return
        self.close()  # what Ctrl-C in an earlier `close` has left
        if widget.running_shell() is None:
            raise AudioDeviceError(
                f"The {self._name} of a page needs a notebook.",
                hint="Elsewhere use Microphone and Speaker of azure_realtime.audio.",
            )
        if (earlier := _in_use.get(self._name)) is not None:
            earlier.close()
        _in_use[self._name] = self
        self._closed = False
        self._reset()
        self._channel = channel = SideChannel(self._on_message)
        channel.origin = self._origin
        try:
            channel.start()
            if not self._is_placed:
                widget.show(self._widget)
            self._connect(channel)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """
        End the use of the page's device. Idempotent. Any thread.
        """
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is None:
            return
        try:
            if _in_use.get(self._name) is self:
                _in_use.pop(self._name, None)
            with contextlib.suppress(Exception):  # of a kernel that ends
                self._widget.send({"kind": "close"})
            channel.close()
        except BaseException:  # Ctrl-C: the next `close` does what is left
            self._channel = channel
            raise

    def _ipython_display_(self) -> None:
        """
        Show the device, as the last value of a cell.
        """
        self._is_placed = True
        widget.show(self._widget)

    def _connect(self, channel: SideChannel) -> None:
        """
        Wait for the page (rule 2).
        """
        deadline = Deadline(_RETRY_TIMEOUT if self._has_warned else _CONNECT_TIMEOUT)
        while not deadline.passed:
            self._announce()
            if channel.wait_connected(Deadline(_ANNOUNCE_INTERVAL)):
                return
        if not self._has_warned:
            self._has_warned = True
            _logger.warning(
                "The notebook's page cannot reach the kernel (%s): what it sends "
                "arrives between cells only. Install jupyter-server-proxy where the "
                "notebook server runs, or do not wait in a cell.",
                self._name,
            )

    def _announce(self) -> None:
        """
        Send the page the address of the side channel, unless it is connected.
        """
        channel = self._channel
        if channel is not None and not channel.is_connected:
            self._widget.send(
                {
                    "kind": "open",
                    "port": channel.port,
                    "token": channel.token,
                    "rate": self._asked_rate,
                    **self._details(),
                }
            )

    def _on_comm_message(self, _widget: Any, content: Any, buffers: Any) -> None:
        """
        Take a comm message. A thread of the kernel.
        """
        if content.get("kind") == "hello":
            self._origin = content.get("origin")
            if (channel := self._channel) is not None:
                channel.origin = self._origin
        elif self._channel is not None:
            self._on_content(content, buffers)

    # What a device adds.

    def _reset(self) -> None:
        """
        Begin again.
        """

    def _details(self) -> dict[str, Any]:
        """
        Return what the page has to know besides the address.
        """
        return {}

    def _on_message(self, message: bytes | str) -> None:
        """
        Take a message of the side channel. A thread of the server.

        Raises:
            ValueError: It is malformed.
        """
        raise NotImplementedError

    def _on_content(self, content: Any, buffers: Any) -> None:
        """
        Take a comm message. A thread of the kernel.
        """
        raise NotImplementedError
