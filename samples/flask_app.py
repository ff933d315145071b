"""
FILE: flask_app.py

DESCRIPTION:
    A web application with one realtime client for each user (browser session). A client
    is made with the first question and closed when the user leaves, when nothing was
    asked for some minutes, and when the application ends.

USAGE:
    pip install flask
    python samples/flask_app.py [--port 5000] [--idle 300]

    --idle is the number of seconds after which an unused client is closed.

    Then open http://127.0.0.1:5000, or use curl:

    curl -c cookies -b cookies -d question="What is a socket?" 127.0.0.1:5000/ask

    With gunicorn, in this folder: `gunicorn --threads 20 'flask_app:create_app()'`.
    Clients live in the process that made them: use one worker with many threads, or
    route each user to the same worker.

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service. Set
    SECRET_KEY so that users keep their sessions when the application starts again.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from _service import service

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    RealtimeError,
    WebSocketState,
)

try:
    import flask
except ImportError:
    sys.exit("This sample needs Flask: pip install flask")

ANSWER_WITHIN = 60.0  # seconds for one answer
MAX_CLIENTS = 50  # each is a session of the service, which has a quota of them

PAGE = """
<!doctype html>
<title>azure_realtime</title>
<pre>{{ transcript }}</pre>
<form method="post" action="/ask"><input name="question" size="60" autofocus></form>
<form method="post" action="/leave"><button>Leave</button></form>
"""


class TooManyClients(Exception):
    """
    Every client is in use.
    """


class User:
    """
    One user's client.

    Attributes:
        requests: The number of requests that use the client now.
        used: When the last request ended, by the monotonic clock.
    """

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self.client = client
        self.requests = 0
        self.used = time.monotonic()


class Clients:
    """
    The clients of all users. Any thread may call any method.

    Args:
        options: The service to connect to.
        idle: Seconds without a request after which a client is closed.
    """

    def __init__(self, options: AzureRealTimeOptions, idle: float) -> None:
        self._options = options
        self._idle = idle
        self._users: dict[str, User] = {}
        self._lock = threading.Lock()  # `_users`, `_watcher` and the fields of a User
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextmanager
    def client(self, name: str) -> Iterator[AzureRealTimeAudio]:
        """
        Yield the client of a user, which stays open at least until the block ends.

        Raises:
            TooManyClients: There is no room for one more user.
        """
        with self._lock:
            user = self._users.get(name)
            if user is None or user.client.state is WebSocketState.CLOSED:
                if user is None and len(self._users) >= MAX_CLIENTS:
                    raise TooManyClients
                user = self._users[name] = User(AzureRealTimeAudio(self._options))
            user.requests += 1
            if self._watcher is None:  # not earlier: gunicorn forks before requests
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()
        try:
            yield user.client
        finally:
            with self._lock:
                user.requests -= 1
                user.used = time.monotonic()

    def transcript(self, name: str) -> str:
        """
        Return the conversation of a user, without making a client.
        """
        with self._lock:
            user = self._users.get(name)
        return str(user.client.conversation) if user else ""

    def leave(self, name: str) -> None:
        """
        Close the client of a user.
        """
        with self._lock:
            user = self._users.pop(name, None)
        if user:
            user.client.close()

    def close(self) -> None:
        """
        Close all clients.
        """
        self._ended.set()
        with self._lock:
            names = list(self._users)
        for name in names:
            self.leave(name)

    def _watch(self) -> None:
        while not self._ended.wait(min(self._idle / 4, 10.0)):
            due = time.monotonic() - self._idle
            with self._lock:
                idle = [
                    name
                    for name, user in self._users.items()
                    if not user.requests and user.used < due
                ]
            for name in idle:
                self.leave(name)


def create_app(
    options: AzureRealTimeOptions | None = None, idle: float = 300.0
) -> flask.Flask:
    """
    Make the application.

    Args:
        options: The service to connect to; None takes it from the environment.
        idle: Seconds without a request after which a client is closed.

    Raises:
        ValueError: Names the variables that are missing in the environment.
    """
    app = flask.Flask(__name__)
    app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex()
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # no requests from other sites
    clients = Clients(options or AzureRealTimeOptions.from_env(), idle)
    # Not `teardown_appcontext`: Flask calls that after each request. A client that is
    # open when the process ends closes by itself.
    app.extensions["realtime"] = clients

    def user_name() -> str:
        name: str = flask.session.setdefault("user", secrets.token_urlsafe())
        return name

    @app.get("/")
    def index() -> str:
        transcript = clients.transcript(user_name())
        return flask.render_template_string(PAGE, transcript=transcript)

    @app.post("/ask")
    def ask() -> flask.typing.ResponseReturnValue:
        question = flask.request.form.get("question", "").strip()
        if not question:
            return "The field question is empty.\n", 400
        try:
            with clients.client(user_name()) as client:
                answer = client.ask(
                    question, modalities=["text"], timeout=ANSWER_WITHIN
                ).text
        except TooManyClients:
            return "Too many users are connected. Try again later.\n", 503
        except RealtimeError as error:  # ConnectTimeout is a TimeoutError, too
            app.logger.warning("%s", error)
            return "The model cannot be reached. Try again later.\n", 502
        except TimeoutError:
            return "The model did not answer in time. Try again.\n", 504
        if "text/html" in flask.request.headers.get("Accept", ""):
            return flask.redirect("/")
        return answer + "\n"

    @app.post("/leave")
    def leave() -> flask.typing.ResponseReturnValue:
        clients.leave(user_name())
        flask.session.clear()
        return flask.redirect("/")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="One realtime client per user.")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--idle", type=float, default=300.0)
    given = parser.parse_args()
    with service() as options:
        app = create_app(options, given.idle)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            # A thread for each request, so that users do not wait for each other.
            app.run(port=given.port, threaded=True)
        finally:
            app.extensions["realtime"].close()


if __name__ == "__main__":
    main()
