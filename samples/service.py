"""
FILE: service.py

DESCRIPTION:
    A background service, as systemd or a container runs it. It answers the text files
    that appear in FOLDER/inbox, writes the answers to FOLDER/outbox and a log to
    FOLDER/service.log.

    - It reconnects for ever; only a wrong key or an unknown deployment ends it.
    - A question that was interrupted is asked again, also after a restart of the
      service. One that the service refuses is renamed to NAME.failed.
    - SIGTERM or Ctrl-C: the question under way is answered, then the service ends with
      exit code 0. A second signal ends it at once.

USAGE:
    python samples/service.py [FOLDER]

    FOLDER is realtime-service by default. Move questions into the inbox when they are
    complete (write to another name, then rename):

    echo "What is a WebSocket?" > question && mv question FOLDER/inbox/question.txt

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from _service import service

from azure_realtime import (
    AuthenticationError,
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectError,
    ConnectionClosed,
    DeploymentNotFound,
    RealtimeError,
    ResponseFailed,
    WebSocketOptions,
    WebSocketState,
)

POLL = 0.5  # seconds between two looks into the inbox
ANSWER_WITHIN = 60.0  # seconds for one answer; less than systemd's 90 s to stop
LONGEST_PAUSE = 60.0  # seconds between two attempts to connect
WEBSOCKET = WebSocketOptions(
    max_reconnect_attempts=None,  # for ever
    restore="session",  # each question is on its own: there is no conversation
    renew="idle",  # replace the session before it expires
)
log = logging.getLogger("service")


class Service:
    """
    Answers the files of one folder. Signals only set a flag, which all loops check.
    """

    def __init__(self, options: AzureRealTimeOptions, folder: Path) -> None:
        self.options = options
        self.inbox = folder / "inbox"
        self.outbox = folder / "outbox"
        self.stopping = False
        for each in (self.inbox, self.outbox):
            each.mkdir(parents=True, exist_ok=True)

    def stop(self, _signum: int, _frame: Any) -> None:
        """
        End after the question under way; at the second signal, at once.
        """
        # It does not log: the signal may have interrupted the logger in mid-write.
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True

    def run(self) -> None:
        """
        Connect and answer until a signal comes.

        Raises:
            AuthenticationError, DeploymentNotFound: No later attempt can succeed.
        """
        pause = 1.0
        while not self.stopping:
            try:
                with AzureRealTimeAudio(self.options, WEBSOCKET) as client:
                    pause = 1.0
                    self.serve(client)
            except (AuthenticationError, DeploymentNotFound):
                raise
            except (ConnectError, ConnectionClosed) as error:
                log.warning("%s Next attempt in %.0f s.", error, pause)
                self.pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def serve(self, client: AzureRealTimeAudio) -> None:
        """
        Answer questions until a signal comes.

        Raises:
            ConnectionClosed: The connection has ended and the client gives up.
        """
        client.on("disconnected", log_loss)
        client.on("reconnected", lambda _: log.info("Connected again"))
        log.info("Connected, waiting for files in %s", self.inbox)
        while not self.stopping:
            question = min(self.inbox.glob("*.txt"), default=None)
            if question is not None:
                self.answer(client, question)
            elif client.state is WebSocketState.CLOSED:
                client.connect()  # raises the reason
            else:
                self.pause(POLL)

    def answer(self, client: AzureRealTimeAudio, question: Path) -> None:
        """
        Answer one file; leave it in the inbox if a later attempt can succeed.
        """
        try:
            response = client.create_response(
                input=question.read_text(encoding="utf-8"),
                conversation="none",
                modalities=["text"],
            )
            try:
                text = response.result(ANSWER_WITHIN).text
            finally:
                response.cancel()  # stops the answer after a timeout
        except ConnectionClosed as error:
            if not error.reconnecting:
                raise
            log.warning("%s is asked again: %s", question.name, error)
        except ResponseFailed as error:
            if not error.retryable:
                self.give_up(question, error)
                return
            log.warning("%s is asked again: %s", question.name, error)
            self.pause(5.0)
        except (RealtimeError, OSError, ValueError) as error:  # also TimeoutError
            self.give_up(question, error)
        else:
            part = self.outbox / f"{question.name}.part"
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(self.outbox / question.name)
            question.unlink()
            log.info("%s is answered", question.name)

    def give_up(self, question: Path, reason: object) -> None:
        """
        Rename a question that cannot be answered, so that the next one has its turn.
        """
        log.error("%s cannot be answered: %s", question.name, reason)
        question.replace(question.with_suffix(".failed"))

    def pause(self, seconds: float) -> None:
        """
        Sleep, but no longer than until a signal comes.
        """
        end = time.monotonic() + seconds
        while not self.stopping and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))


def log_loss(event: Any) -> None:
    """
    Log why the connection was lost; after `close()` there is no error.
    """
    if event.error:
        log.warning("Connection lost: %s", event.error)


def log_to(path: Path) -> None:
    """
    Send the log of this program and of the library to a file and to the terminal.
    """
    handlers: list[logging.Handler] = [
        RotatingFileHandler(path, maxBytes=1_000_000, backupCount=5, encoding="utf-8"),
        logging.StreamHandler(),
    ]
    form = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=handlers)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "realtime-service")
    with service() as options:
        try:
            daemon = Service(options, folder)
            log_to(folder / "service.log")
        except OSError as error:
            sys.exit(f"The folder cannot be used. {error}")
        signal.signal(signal.SIGTERM, daemon.stop)
        signal.signal(signal.SIGINT, daemon.stop)
        try:
            daemon.run()
        except RealtimeError as error:
            log.critical("Ended: %s", error)
            sys.exit(1)
        log.info("Ended by a signal")


if __name__ == "__main__":
    main()
