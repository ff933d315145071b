"""
FILE: tk_window.py

DESCRIPTION:
    A window whose own thread runs the listeners, so that they may use widgets. Tk, like
    most GUI toolkits, allows one thread only. With `dispatch="manual"` the client keeps
    events until `client.pump()` is called, here from a Tk timer.

USAGE:
    python samples/tk_window.py [--demo]

    --demo asks one question by itself and closes the window after the answer.

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

import sys
from types import TracebackType
from typing import Any

from _service import service

from azure_realtime import AzureRealTimeAudio

try:
    import tkinter
    from tkinter import scrolledtext, ttk
except ImportError:
    sys.exit("This Python has no Tk. Debian and Ubuntu: apt install python3-tk")

EVERY = 20  # milliseconds between two calls of `pump`


class Window(tkinter.Tk):
    """
    An entry for the question, a text for the conversation, a line for the status.
    """

    def __init__(self, client: AzureRealTimeAudio, demo: bool) -> None:
        super().__init__()
        self.title("azure_realtime")
        self.realtime = client
        self.demo = demo
        self.interrupted = False
        self.text = scrolledtext.ScrolledText(self, width=60, height=16, wrap="word")
        self.text.pack(fill="both", expand=True)
        self.entry = ttk.Entry(self)
        self.entry.pack(fill="x")
        self.entry.bind("<Return>", self.ask)
        self.entry.focus()
        self.status = ttk.Label(self, text="connecting")
        self.status.pack(anchor="w")
        self.protocol("WM_DELETE_WINDOW", self.leave)

        client.on("init", self.ready)
        client.on("status_changed", self.show_status)
        client.on("response.text.delta", lambda event: self.write(event.delta))
        client.on("response.done", self.answered)
        client.on("error", lambda event: self.write(f"\n{event.error.message}\n"))
        client.on("disconnected", self.lost)
        self.after(0, self.pump)

    def pump(self) -> None:
        """
        Run the listeners of the events that have arrived, on this thread.
        """
        self.realtime.pump()
        self.after(EVERY, self.pump)

    def ask(self, _event: object = None) -> None:
        """
        Send the question. None of these calls waits, so the window stays responsive.
        """
        question = self.entry.get().strip()
        if not question:
            return
        self.entry.delete(0, "end")
        self.write(f"> {question}\n")
        self.realtime.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": question}],
            }
        )
        self.realtime.create_response(modalities=["text"])

    def ready(self, event: Any) -> None:
        """
        Show that the session is ready. In the demo, ask the question.
        """
        self.status["text"] = f"ready: {event.session.model}"
        if self.demo:
            self.entry.insert(0, "What is a window?")
            self.ask()

    def show_status(self, event: Any) -> None:
        """
        Show the status of the model.
        """
        self.status["text"] = event.status.value

    def answered(self, event: Any) -> None:
        """
        End the paragraph. In the demo, close the window.
        """
        self.write(f"\n({event.response.status})\n\n")
        if self.demo:
            self.update()
            print(self.text.get("1.0", "end").strip())
            self.leave()

    def lost(self, event: Any) -> None:
        """
        Show why the connection has ended.
        """
        self.status["text"] = f"disconnected: {event.error or 'closed'}"

    def write(self, text: str) -> None:
        """
        Add *text* to the conversation.
        """
        self.text.insert("end", text)
        self.text.see("end")

    def report_callback_exception(
        self,
        exc: type[BaseException],
        val: BaseException,
        tb: TracebackType | None,
    ) -> None:
        """
        End the main loop on Ctrl-C. Tk would print a traceback and go on.
        """
        if issubclass(exc, KeyboardInterrupt):
            self.interrupted = True
            self.quit()
        else:
            super().report_callback_exception(exc, val, tb)

    def leave(self) -> None:
        """
        End the main loop. A listener may call this, too.
        """
        self.quit()


def main() -> None:
    with service() as options:
        client = AzureRealTimeAudio(options, dispatch="manual")
        try:
            window = Window(client, demo="--demo" in sys.argv[1:])
        except tkinter.TclError as error:
            client.close()
            sys.exit(f"No window: {error}")
        try:
            window.mainloop()
            if window.interrupted:
                raise KeyboardInterrupt
        finally:
            client.close()


if __name__ == "__main__":
    main()
