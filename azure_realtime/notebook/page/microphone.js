// The microphone of the page.

const BLOCK_SECONDS = 0.04;
const HEADER_BYTES = 8; // number of the block, sample rate
const MAX_WAITING_BYTES = 480000; // 10 s: the network is too slow

// Record; return a function that ends it. *take* is called with each block.
async function record(model, rate, take) {
  if (!navigator.mediaDevices) {
    throw new Error("a microphone needs a page at https:// or at localhost");
  }
  const wanted = { channelCount: 1, echoCancellation: true, noiseSuppression: true };
  const media = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  let context = new AudioContext({ sampleRate: rate });
  const end = () => {
    for (const track of media.getTracks()) track.stop();
    context.close();
  };
  try {
    let source;
    try {
      source = context.createMediaStreamSource(media);
    } catch {
      context.close(); // Firefox: only a context of the device's own rate takes it
      context = new AudioContext();
      source = context.createMediaStreamSource(media);
    }
    await context.audioWorklet.addModule(moduleUrl(model));
    const frames = Math.round(context.sampleRate * BLOCK_SECONDS);
    const node = new AudioWorkletNode(context, "azure-realtime-microphone", {
      numberOfOutputs: 0,
      processorOptions: { frames },
    });
    node.port.onmessage = ({ data }) => take(data, context.sampleRate);
    source.connect(node);
  } catch (error) {
    end();
    throw error;
  }
  return end;
}

class PageMicrophone {
  constructor(model) {
    this.model = model;
    this.channel = new Channel(model);
    this.panel = new Panel("microphone", () => this.click());
    this.isAllowed = false; // by a click
    this.address = null; // the newest announcement, while the kernel wants audio
    this.number = 0; // of the next block
    this.end = null; // of the recording in progress
    this.work = Promise.resolve(); // one change follows the other
    model.on("msg:custom", (message) => this.receive(message));
    model.send({ kind: "hello", origin: location.origin });
    this.update();
  }

  click() {
    this.isAllowed = !this.isAllowed;
    this.update(this.isAllowed);
  }

  receive(message) {
    if (message.kind === "open") {
      if (message.token !== this.address?.token) this.number = 0;
      this.address = message;
      this.channel.open(message).then(() => this.update());
    } else {
      this.address = null;
      this.channel.close();
    }
    this.update();
  }

  update(isFirst = false) {
    this.work = this.work.then(() => this.change(isFirst));
  }

  // Start or stop the recording as it is wanted now. The first click has the browser
  // ask the user, also if the kernel wants no audio yet.
  async change(isFirst) {
    let line = "";
    try {
      const take = (pcm, rate) => this.send(pcm, rate);
      if (!this.end && (isFirst || (this.isAllowed && this.address))) {
        this.end = await record(this.model, this.address?.rate, take);
      }
      if (this.end && !(this.isAllowed && this.address)) {
        this.end();
        this.end = null;
      }
      if (this.end) line = "The microphone is recorded.";
      else if (this.isAllowed) line = "The microphone is ready.";
      if (this.end && this.channel.usesComm) line += " Audio arrives between cells.";
    } catch (error) {
      this.isAllowed = false;
      line = `No microphone: ${error.message}`;
    }
    this.panel.show(this.isAllowed ? "Stop microphone" : "Start microphone", line);
  }

  send(pcm, rate) {
    const { socket, usesComm } = this.channel;
    if (!this.address || (!this.number && !socket && !usesComm)) return;
    const number = this.number++;
    if (socket?.readyState === WebSocket.OPEN) {
      if (socket.bufferedAmount > MAX_WAITING_BYTES) return;
      const message = new Uint8Array(HEADER_BYTES + pcm.byteLength);
      const header = new DataView(message.buffer);
      header.setUint32(0, number, true);
      header.setUint32(4, rate, true);
      message.set(new Uint8Array(pcm), HEADER_BYTES);
      socket.send(message);
    } else if (usesComm) {
      this.model.send({ kind: "audio", number, rate }, undefined, [pcm]);
    }
  }
}

export default () => {
  let microphone;
  return {
    initialize({ model }) {
      microphone = new PageMicrophone(model);
    },
    render({ el }) {
      return microphone.panel.add(el);
    },
  };
};
