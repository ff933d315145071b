// The audio processors, on the browser's audio thread. Samples are 16 bit integers.

const REPORT_SECONDS = 0.04; // between two reports of the loudspeaker

class Microphone extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.size = processorOptions.frames;
    this.block = new Int16Array(this.size);
    this.filled = 0;
  }

  process([[input]]) {
    for (const sample of input ?? []) {
      const scaled = Math.round(sample * 32767);
      this.block[this.filled++] = Math.max(-32768, Math.min(32767, scaled));
      if (this.filled === this.size) {
        this.port.postMessage(this.block.buffer, [this.block.buffer]);
        this.block = new Int16Array(this.size);
        this.filled = 0;
      }
    }
    return true;
  }
}

// Counts the samples that it has played, without the silence between them. A run is what
// is played between two flushes.
class Loudspeaker extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.begin(processorOptions.run);
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  begin(run) {
    this.run = run;
    this.queue = [];
    this.offset = 0; // in the first block of the queue
    this.played = this.reported = 0;
  }

  receive({ run, pcm }) {
    if (!pcm) {
      this.report("flushed");
      this.begin(run);
    } else if (run === this.run) {
      this.queue.push(new Int16Array(pcm));
    }
  }

  report(kind) {
    this.reported = this.played;
    this.port.postMessage({ kind, run: this.run, frames: this.played });
  }

  process(_inputs, [[output]]) {
    let filled = 0;
    while (filled < output.length && this.queue.length) {
      const block = this.queue[0];
      const count = Math.min(output.length - filled, block.length - this.offset);
      for (let at = 0; at < count; at++) {
        output[filled + at] = block[this.offset + at] / 32768;
      }
      filled += count;
      this.offset += count;
      if (this.offset === block.length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    this.played += filled;
    const isDue = this.played - this.reported >= REPORT_SECONDS * sampleRate;
    const hasEnded = !this.queue.length && this.played > this.reported;
    if (isDue || hasEnded) this.report("played");
    return true;
  }
}

registerProcessor("azure-realtime-microphone", Microphone);
registerProcessor("azure-realtime-loudspeaker", Loudspeaker);
