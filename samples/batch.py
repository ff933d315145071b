"""
FILE: batch.py

DESCRIPTION:
    Asks many questions over several connections, one client and one thread each, and
    shows the progress. Each answer is added to a results file (JSON lines) as soon as
    it is complete. After an interruption the same command goes on with the questions
    that have no answer yet.

    Ctrl-C: the questions under way are answered first; a second Ctrl-C ends at once.

USAGE:
    python samples/batch.py [--questions FILE] [--results FILE] [--clients N]
                            [--count N]

    --questions  one question a line; by default COUNT made-up ones
    --results    results.jsonl by default
    --clients    20 by default
    --count      200 by default

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

from _service import service

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectionClosed,
    RateLimited,
    RealtimeError,
    ResponseFailed,
    WebSocketState,
)

ANSWER_WITHIN = 60.0  # seconds for one answer
ATTEMPTS = 3  # for one question, where asking again can help
PAUSE = 2.0  # seconds before the service is asked again after a refusal
BEGIN = b'{"number": '  # of each line of a results file

Question = tuple[int, str, int]  # number, text, attempts so far


class Batch:
    """
    The questions that wait, and the answers. Each thread runs `work`.

    Attributes:
        stopping: Set: threads end after the question under way.
        answered: The number of answers in the results file.
        failures: One sentence for each question that could not be answered.
        error: What ended the batch early; None if nothing did.
    """

    def __init__(
        self, options: AzureRealTimeOptions, results: Path, answered: int
    ) -> None:
        self.options = options
        self.waiting: SimpleQueue[Question] = SimpleQueue()
        self.stopping = threading.Event()
        self.answered = answered
        self.failures: list[str] = []
        self.error: Exception | None = None
        self._results = results
        self._lock = threading.Lock()  # the results file and the three fields above

    def work(self) -> None:
        """
        Answer questions until none waits.
        """
        try:
            while not self.stopping.is_set() and not self.waiting.empty():
                try:
                    with AzureRealTimeAudio(self.options) as client:
                        self._ask_all(client)
                except RateLimited as error:  # too many connections at once
                    self.stopping.wait(error.retry_after or PAUSE)
        except (RealtimeError, OSError) as error:
            with self._lock:
                self.error = self.error or error
            self.stopping.set()

    def _ask_all(self, client: AzureRealTimeAudio) -> None:
        while not self.stopping.is_set():
            try:
                number, text, attempts = self.waiting.get_nowait()
            except Empty:
                return
            try:
                self._ask(client, number, text)
            except (RealtimeError, ValueError) as error:
                lost = isinstance(error, ConnectionClosed)
                again = lost or (isinstance(error, ResponseFailed) and error.retryable)
                if not again or attempts + 1 == ATTEMPTS:
                    self._fail(number, error)
                    continue
                self.waiting.put((number, text, attempts + 1))
                self.stopping.wait(PAUSE)
                if client.state is WebSocketState.CLOSED:
                    return  # `work` makes a new client
            except TimeoutError:
                self._fail(number, f"no answer within {ANSWER_WITHIN:.0f} s")

    def _ask(self, client: AzureRealTimeAudio, number: int, text: str) -> None:
        # Out of band: the question and the answer do not enter the conversation,
        # which would grow and cost more with each question.
        future = client.create_response(
            input=text, conversation="none", modalities=["text"]
        )
        try:
            answer = future.result(ANSWER_WITHIN).text
        finally:
            future.cancel()  # stops the answer after a timeout
        line = json.dumps({"number": number, "question": text, "answer": answer})
        with self._lock:
            with self._results.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self.answered += 1

    def _fail(self, number: int, reason: object) -> None:
        with self._lock:
            self.failures.append(f"Question {number}: {reason}")


def read_questions(path: Path | None, count: int) -> list[str]:
    """
    Read one question a line, or make up *count* of them.
    """
    if path is None:
        return [f"What is {number} times {number + 7}?" for number in range(count)]
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_results(path: Path) -> set[tuple[int, str]]:
    """
    Return the questions that have an answer; cut off a line that was half written.

    Raises:
        ValueError: It is another kind of file.
    """
    data = path.read_bytes() if path.exists() else b""
    if not (data.startswith(BEGIN) or BEGIN.startswith(data)):
        raise ValueError(f"{path} is not a results file of this program.")
    whole = data[: data.rfind(b"\n") + 1]
    results = [json.loads(line) for line in whole.splitlines()]
    done = {(result["number"], result["question"]) for result in results}
    if whole != data:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return done


def wait(batch: Batch, threads: list[threading.Thread], total: int) -> None:
    """
    Show the progress until all threads have ended.
    """
    live = sys.stderr.isatty()
    begin, shown = time.monotonic(), -1
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        step = batch.answered if live else 10 * batch.answered // total
        if step == shown:
            continue
        shown = step
        print(
            f"{batch.answered} of {total} answered, {len(batch.failures)} failed, "
            f"{time.monotonic() - begin:.0f} s",
            end="\r" if live else "\n",
            file=sys.stderr,
            flush=True,
        )
    if live:
        print(file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ask many questions in parallel.")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--results", type=Path, default=Path("results.jsonl"))
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    if min(given.clients, given.count) < 1:
        parser.error("--clients and --count must be at least 1")
    return given


def main() -> None:
    given = arguments()
    try:
        questions = read_questions(given.questions, given.count)
    except (OSError, ValueError) as error:
        sys.exit(f"The questions cannot be read. {error}")
    try:
        done = read_results(given.results)
    except (OSError, ValueError) as error:
        sys.exit(f"The results cannot be read. {error}")
    asked = [each for each in enumerate(questions, 1) if each not in done]
    total = len(questions)
    if done:
        print(f"{total - len(asked)} of {total} are answered in {given.results}.")
    if not asked:
        return

    with service() as options:
        batch = Batch(options, given.results, answered=total - len(asked))
        for number, text in asked:
            batch.waiting.put((number, text, 0))
        clients = min(given.clients, len(asked))
        # daemon: a second Ctrl-C does not wait for them
        threads = [
            threading.Thread(target=batch.work, daemon=True) for _ in range(clients)
        ]
        try:
            for thread in threads:
                thread.start()
            wait(batch, threads, total)
        except KeyboardInterrupt:
            batch.stopping.set()
            print("\nEnding after the questions under way.", file=sys.stderr)
            wait(batch, threads, total)
            raise
        finally:
            print(f"{batch.answered} of {total} are answered in {given.results}.")
            if batch.answered < total:
                print("The same command goes on with the rest.")
        for failure in batch.failures:
            print(failure, file=sys.stderr)
        if batch.error:
            sys.exit(str(batch.error))
        if batch.failures:
            sys.exit(1)


if __name__ == "__main__":
    main()
