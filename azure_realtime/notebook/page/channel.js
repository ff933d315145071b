// What the microphone and the loudspeaker share. This text comes before theirs.

const CONNECT_TIMEOUT = 2000; // ms for each address
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

function addresses(port, token) {
  const config = document.getElementById("jupyter-config-data");
  const base =
    (config && JSON.parse(config.textContent).baseUrl) ||
    document.body.dataset.baseUrl ||
    "/";
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const proxied = `${scheme}://${location.host}${base}proxy/${port}/${token}`;
  const direct = `ws://127.0.0.1:${port}/${token}`;
  return LOOPBACK.includes(location.hostname) ? [direct, proxied] : [proxied];
}

// Return a promise of the open socket; of null if there is no connection.
function connect(address) {
  return new Promise((resolve) => {
    let socket;
    try {
      socket = new WebSocket(address);
    } catch {
      resolve(null); // a page at https:// may not use ws://
      return;
    }
    const timer = setTimeout(() => socket.close(), CONNECT_TIMEOUT);
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(socket);
    };
    socket.onclose = () => {
      clearTimeout(timer);
      resolve(null);
    };
  });
}

// The way from the page to the kernel: the side channel, or comm messages if the page
// cannot reach it.
class Channel {
  constructor(model) {
    this.model = model;
    this.token = this.unreachable = null;
    this.socket = null;
    this.isConnecting = false;
  }

  // Connect to the announced address, unless that is done or in vain.
  async open({ port, token }) {
    this.token = token;
    if (this.isConnecting || this.socket || this.unreachable === token) return;
    this.isConnecting = true;
    let socket = null;
    for (const address of addresses(port, token)) {
      socket ??= await connect(address);
    }
    this.isConnecting = false;
    if (this.token !== token) {
      socket?.close(); // it is announced again
    } else if (socket === null) {
      this.unreachable = token;
    } else {
      this.socket = socket;
      socket.onclose = () => {
        if (this.socket === socket) this.socket = null;
      };
    }
  }

  close() {
    this.token = null;
    this.socket?.close();
    this.socket = null;
  }

  get usesComm() {
    return this.token !== null && this.unreachable === this.token;
  }
}

function moduleUrl(model) {
  const text = model.get("worklet");
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}

// What a cell shows: a button and a line of text, in each place that shows the device.
class Panel {
  constructor(name, onclick) {
    this.name = name;
    this.onclick = onclick;
    this.places = new Set();
  }

  add(element) {
    const button = document.createElement("button");
    const text = document.createElement("span");
    button.className = `azure-realtime-${this.name}`;
    button.style.marginRight = "0.6em";
    button.onclick = this.onclick;
    element.append(button, text);
    const place = { button, text };
    this.places.add(place);
    this.show(this.label, this.line);
    return () => this.places.delete(place);
  }

  // Show the button with *label*, or none if it is empty.
  show(label, line) {
    this.label = label;
    this.line = line;
    for (const { button, text } of this.places) {
      button.textContent = label;
      button.hidden = !label;
      text.textContent = line;
    }
  }
}
