// The stand-alone page: a model of anywidget's kind over HTTP, and the tool upon it. See PROTOCOL.md.

const token = new URL(import.meta.url).searchParams.get("token") ?? "";
const NO_ANSWER = "the server does not answer (has `candlewick annotate` ended?)";
const OTHER_TOKEN = "the server was started anew and does not know this page; open the address that it has printed";

/** An address of the server's, with the token. */
function address(path, more = {}) {
  const url = new URL(path, import.meta.url);
  url.search = new URLSearchParams({ ...more, token });
  return url.href;
}

/** What anywidget's models have: get, set, save_changes, on, off, send. */
export class PageModel {
  constructor(state) {
    this.state = { ...state };
    this.heard = new Map();
    this.queue = [];
    this.busy = false;
    this.events = null;
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    this.state[name] = value;
    this.tell(`change:${name}`, value);
  }

  save_changes() {
    // The page's state is its own; all that is to be kept goes by messages.
  }

  on(name, action) {
    this.heard.set(name, [...(this.heard.get(name) ?? []), action]);
  }

  off(name, action) {
    const left = (this.heard.get(name) ?? []).filter(other => action && other !== action);
    this.heard.set(name, left);
  }

  tell(name, ...what) {
    for (const action of this.heard.get(name) ?? []) action(...what);
  }

  /** Messages are posted one after the other, so that they arrive in their order. */
  send(message) {
    this.listen(message.view);
    this.queue.push(message);
    this.work();
  }

  async work() {
    if (this.busy) return;
    this.busy = true;
    while (this.queue.length) {
      try {
        for (const answer of await this.post(this.queue.shift())) this.receive(answer);
      } catch (error) {
        // The tool sends again what has no answer.
        this.queue = [];
        this.lose(error);
      }
    }
    this.busy = false;
  }

  async post(message) {
    const headers = { "Content-Type": "application/json" };
    const stop = AbortSignal.timeout(30_000);
    const body = JSON.stringify(message);
    const answer = await fetch(address("message"), { method: "POST", headers, body, signal: stop, cache: "no-store" });
    if (answer.status === 403) throw Object.assign(new Error(), { why: OTHER_TOKEN });
    if (!answer.ok) throw Object.assign(new Error(), { why: `the server answers with ${answer.status} ${answer.statusText}` });
    return answer.json();
  }

  lose(error) {
    this.tell("msg:custom", { type: "gone", why: error?.why ?? NO_ANSWER }, []);
  }

  receive(message) {
    if (message.url) message.url = address(message.url);
    this.tell("msg:custom", message, []);
  }

  /** What other pages change comes as server-sent events. */
  listen(view) {
    if (this.events && this.events.readyState !== EventSource.CLOSED) return;
    this.events = new EventSource(address("events", { view }));
    this.events.onmessage = event => this.receive(JSON.parse(event.data));
    let broken = false;
    this.events.onerror = () => {
      broken = true;
      this.tell("comm_live_update");
    };
    // What was said meanwhile was not heard: the tool asks anew.
    this.events.onopen = () => broken && this.tell("msg:custom", { type: "back" }, []);
  }
}

if (document.getElementById("tool")) {
  const { default: tool } = await import(address("annotate.js"));
  tool.render({ model: new PageModel({ page: true }), el: document.getElementById("tool") });
}
