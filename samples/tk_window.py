"""
A window: listeners that may touch widgets, because the window's own thread runs them.

Tk, like most GUI kits, allows one thread only. ``dispatch="manual"`` keeps events until
``client.pump()`` is called, here from a Tk timer; a callback thread never touches the
window.

USAGE:
    python samples/tk_window.py [--demo]

    --demo types a question by itself, and ends when it has been answered.

VARIABLES: those of _service.py; without them a local service is used.
"""

import sys
import tkinter
from tkinter import scrolledtext, ttk
from typing import Any

from _service import service

from azure_realtime import AzureRealTimeAudio

EVERY = 20  # milliseconds between two looks at what has come


class Window(tkinter.Tk):
    """
    An entry for the question, a text for the conversation, a line for the status.
    """

    def __init__(self, client: AzureRealTimeAudio, demo: bool) -> None:
        super().__init__()
        self.title("azure_realtime")
        self.realtime = client
        self.demo = demo
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
        Run the listeners of what has come, on this thread; come back soon.
        """
        self.realtime.pump()
        self.after(EVERY, self.pump)

    def ask(self, _event: object = None) -> None:
        """
        Send what was typed. No method of the client blocks: the window stays alive.
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
        Say that it can begin; in the demo, begin.
        """
        self.status["text"] = f"ready: {event.session.model}"
        if self.demo:
            self.entry.insert(0, "What is a window?")
            self.ask()

    def show_status(self, event: Any) -> None:
        """
        Show what the model does.
        """
        self.status["text"] = event.status.value

    def answered(self, event: Any) -> None:
        """
        Close the paragraph; in the demo, close the window.
        """
        self.write(f"\n({event.response.status})\n\n")
        if self.demo:
            self.update()
            print(self.text.get("1.0", "end").strip())
            self.leave()

    def lost(self, event: Any) -> None:
        """
        Say why the connection is gone.
        """
        self.status["text"] = f"disconnected: {event.error or 'closed'}"

    def write(self, text: str) -> None:
        """
        Add *text* to the conversation.
        """
        self.text.insert("end", text)
        self.text.see("end")

    def leave(self) -> None:
        """
        End the main loop, from a listener too.
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
        finally:
            client.close()


if __name__ == "__main__":
    main()
