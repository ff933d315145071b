// The loudspeaker of the page.

class PageSpeaker {
  constructor(model) {
    this.model = model;
    this.channel = new Channel(model);
    this.panel = new Panel("speaker", () => this.context?.resume());
    this.token = null;
    this.context = null;
    this.node = null; // a promise: what comes before it waits for it
    model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
    model.send({ kind: "hello", origin: location.origin });
    this.show();
  }

  receive(message, buffers) {
    if (message.kind === "open") {
      if (message.token !== this.token) this.start(message);
      this.channel.open(message);
    } else if (message.kind === "audio") {
      const { buffer, byteOffset, byteLength } = buffers[0];
      const pcm = buffer.slice(byteOffset, byteOffset + byteLength);
      this.post({ run: message.run, pcm }, [pcm]);
    } else if (message.kind === "flush") {
      this.post({ run: message.run }, []);
    } else {
      this.stop();
    }
  }

  start({ token, rate, run }) {
    this.stop();
    this.token = token;
    const context = new AudioContext({ sampleRate: rate });
    context.onstatechange = () => this.show();
    context.resume(); // without effect before the user has clicked on the page
    this.context = context;
    this.node = context.audioWorklet.addModule(moduleUrl(this.model)).then(() => {
      const node = new AudioWorkletNode(context, "azure-realtime-loudspeaker", {
        outputChannelCount: [1],
        processorOptions: { run },
      });
      node.port.onmessage = ({ data }) => this.report(data);
      node.connect(context.destination);
      return node;
    });
    this.show();
  }

  stop() {
    this.token = this.node = null;
    this.channel.close();
    this.context?.close();
    this.context = null;
    this.show();
  }

  post(message, transferred) {
    this.node?.then((node) => node.port.postMessage(message, transferred));
  }

  // Samples that the processor has played sound after the latency of the output. All of
  // them will sound, so the answer to a flush need not wait.
  report(content) {
    const { baseLatency = 0, outputLatency = 0 } = this.context ?? {};
    const delay = content.kind === "flushed" ? 0 : baseLatency + outputLatency;
    setTimeout(() => this.send(content), 1000 * delay);
  }

  send(content) {
    const { socket, usesComm } = this.channel;
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(content));
    else if (usesComm) this.model.send(content);
  }

  show() {
    const isSilent = this.context !== null && this.context.state === "suspended";
    const line = `The loudspeaker is ${this.context ? "in use" : "ready"}.`;
    this.panel.show(isSilent ? "Enable sound" : "", line);
  }
}

export default () => {
  let speaker;
  return {
    initialize({ model }) {
      speaker = new PageSpeaker(model);
    },
    render({ el }) {
      return speaker.panel.add(el);
    },
  };
};
