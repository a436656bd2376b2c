// The annotation tool, first part: boxes, and what the host is told and tells of them. See PROTOCOL.md.
// The module is this file followed by annotate.js; neither imports the other.

const PROTOCOL = 1;
// Okabe and Ito's colours, in the order of the plots: for classes of which the host has told none.
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#565656", "#770000", "#550055", "#5500dd",
  "#550099", "#bbbb77", "#995533", "#9933dd", "#003333", "#bb0099"];
const FIELDS = ["title", "author", "note"];
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const LEAST = 2; // the least size of a box, in the picture's pixels
const CLICK = 3; // a smaller way of the pointer on the screen is a click
const DELAY = 100; // milliseconds until changes of a running drag are sent
const PATIENCE = 6000; // milliseconds until an answer is missed
const STEPS = 1000; // steps that can be undone, a picture
const IMAGES = 6; // pictures kept in memory
const DRAFTS = "candlewick.annotate:";

// ---- small helpers ----

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
const round = value => Math.round(value * 100) / 100;
const random = () => Array.from(crypto.getRandomValues(new Uint8Array(9)), byte => byte.toString(36)).join("");
const plural = (count, one) => `${count} ${one}${count === 1 ? "" : /[sx]$/.test(one) ? "es" : "s"}`;

/** An element with properties, attributes (names with a dash, and role) and children. */
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

function channels(color) {
  return [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
}

/** Black or white, whichever is read better on the colour. */
function inkOn(color) {
  const [r, g, b] = channels(color).map(part => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** The colour mixed with white: automatic boxes have these. */
function tint(color) {
  return `rgb(${channels(color).map(part => Math.round(part + (255 - part) * 0.55)).join(", ")})`;
}

function alpha(color, share) {
  return `rgba(${channels(color).join(", ")}, ${share})`;
}

// ---- boxes: they are never changed in place ----

const byId = boxes => new Map(boxes.map(box => [box.id, box]));

/** The box's content: what counts when two boxes are compared. */
function content(box) {
  return JSON.stringify([box.class, box.left, box.top, box.right, box.bottom, box.proposed, box.score ?? null]);
}

function sameBox(one, other) {
  return one === other || (!!one && !!other && one.id === other.id && content(one) === content(other));
}

function sameBoxes(one, other) {
  return one === other || (one.length === other.length && one.every((box, at) => sameBox(box, other[at])));
}

function sameFields(one, other) {
  return FIELDS.every(name => one[name] === other[name]);
}

/**
* Puts what changed from `base` to `mine` upon `theirs`; where both changed a box, mine is taken.
* `places` says where boxes stand that theirs has not.
*/
function merge(base, mine, theirs, places = new Map(mine.map((box, at) => [box.id, at]))) {
  const [before, after, other] = [byId(base), byId(mine), byId(theirs)];
  const pick = id => (sameBox(before.get(id), after.get(id)) ? other.get(id) : after.get(id));
  const merged = theirs.map(box => pick(box.id)).filter(Boolean);
  const fresh = mine.filter(box => !other.has(box.id) && !sameBox(before.get(box.id), box));
  for (const box of fresh) merged.splice(Math.min(places.get(box.id) ?? merged.length, merged.length), 0, box);
  return merged;
}

function mergeFields(base, mine, theirs) {
  return Object.fromEntries(FIELDS.map(name => [name, mine[name] === base[name] ? theirs[name] : mine[name]]));
}

/** What to compare with: of what was sent and not yet answered, whatever the host has already; else what it had before. */
function basis(saved, pending, theirs) {
  const other = byId(theirs.boxes);
  const known = [...pending.map(sent => byId(sent.boxes)), byId(saved.boxes)];
  const ids = [...new Set(known.flatMap(boxes => [...boxes.keys()]))];
  const from = id => known.find(boxes => sameBox(boxes.get(id), other.get(id))) ?? known.at(-1);
  const word = name => (pending.find(sent => sent.fields[name] === theirs.fields[name]) ?? saved).fields[name];
  return { boxes: ids.map(id => from(id).get(id)).filter(Boolean), fields: Object.fromEntries(FIELDS.map(name => [name, word(name)])) };
}

/** For a host that forgot our ids (it was started anew): by its id, the one that we know a box of this content by. */
function aliases(theirs, known) {
  const ids = new Set(known.map(box => box.id));
  if (theirs.some(box => ids.has(box.id))) return new Map();
  const free = new Map(known.map(box => [content(box), box.id]));
  const found = new Map();
  for (const box of theirs) {
    const id = free.get(content(box));
    if (id !== undefined) found.set(box.id, id);
    free.delete(content(box));
  }
  return found;
}

/** What changed, as one step that can be undone: the boxes concerned, before and after. */
function difference(before, after) {
  const [old, now] = [byId(before), byId(after)];
  const places = new Map([...before, ...after].map(box => [box.id, 0]));
  after.forEach((box, at) => places.set(box.id, at));
  before.forEach((box, at) => places.set(box.id, at));
  return {
    before: before.filter(box => !sameBox(box, now.get(box.id))),
    after: after.filter(box => !sameBox(box, old.get(box.id))),
    places,
  };
}

function boxFrom(from, to, width, height) {
  const [x0, x1] = [from.x, to.x].map(x => round(clamp(x, 0, width))).sort((a, b) => a - b);
  const [y0, y1] = [from.y, to.y].map(y => round(clamp(y, 0, height))).sort((a, b) => a - b);
  return { left: x0, top: y0, right: x1, bottom: y1 };
}

function moved(box, dx, dy, width, height) {
  const x = clamp(dx, -box.left, width - box.right);
  const y = clamp(dy, -box.top, height - box.bottom);
  return { left: round(box.left + x), right: round(box.right + x), top: round(box.top + y), bottom: round(box.bottom + y) };
}

function resized(box, handle, dx, dy, width, height) {
  const sides = { left: box.left, top: box.top, right: box.right, bottom: box.bottom };
  if (handle.includes("w")) sides.left = round(clamp(box.left + dx, 0, box.right - LEAST));
  if (handle.includes("e")) sides.right = round(clamp(box.right + dx, box.left + LEAST, width));
  if (handle.includes("n")) sides.top = round(clamp(box.top + dy, 0, box.bottom - LEAST));
  if (handle.includes("s")) sides.bottom = round(clamp(box.bottom + dy, box.top + LEAST, height));
  return sides;
}

/** The box within a picture of this size; nothing where too little of it is left. */
function within(box, width, height) {
  const cut = boxFrom({ x: box.left, y: box.top }, { x: box.right, y: box.bottom }, width, height);
  return cut.right - cut.left < LEAST || cut.bottom - cut.top < LEAST ? null : { ...box, ...cut };
}

function handlePoint(box, handle) {
  const across = handle.includes("w") ? 0 : handle.includes("e") ? 1 : 0.5;
  const down = handle.includes("n") ? 0 : handle.includes("s") ? 1 : 0.5;
  return { x: box.left + across * (box.right - box.left), y: box.top + down * (box.bottom - box.top) };
}

// ---- what the host knows, and what it is yet to be told ----

class Sync {
  constructor(model, heard) {
    this.model = model;
    this.heard = heard; // what the tool does at: welcome, record, pictures, classes, status, problem
    this.view = random();
    this.records = new Map();
    this.pictures = [];
    this.byPicture = new Map();
    this.classes = [];
    this.colors = new Map(); // by class, as the host's figures have them
    this.waiting = new Map(); // requests without an answer
    this.count = 0;
    this.session = null;
    this.dataset = null;
    this.gone = null;
    this.pages = 1; // how many pages show the folder
    this.barred = null; // why the host tells nothing yet
    this.tries = 0;
    this.timers = new Map();
    this.take = (message, buffers) => this.receive(message, buffers || []);
    this.live = () => this.ask({ type: "ping" });
    model.on("msg:custom", this.take);
    model.on("comm_live_update", this.live);
  }

  hello() {
    this.ask({ type: "hello", protocol: PROTOCOL });
  }

  dispose() {
    for (const record of this.records.values()) this.save(record);
    this.keepDrafts();
    this.closed = true;
    this.timers.forEach(clearTimeout);
    this.timers.clear();
    this.model.off("msg:custom", this.take);
    this.model.off("comm_live_update", this.live);
    this.records.forEach(record => this.dropImage(record));
  }

  /** Does it once, so many milliseconds from now, unless that is already planned. */
  later(name, delay, action) {
    if (this.closed || this.timers.has(name)) return;
    const run = () => (this.timers.delete(name), action());
    this.timers.set(name, setTimeout(run, delay));
  }

  ask(message) {
    const whole = { ...message, view: this.view, id: ++this.count };
    // Of these one is enough.
    if (["hello", "ping"].includes(message.type)) this.forget(waits => waits.message.type === message.type);
    this.waiting.set(whole.id, { message: whole, since: Date.now() });
    this.post(whole);
    this.later("patience", 1000, () => this.lookAtClock());
    return whole.id;
  }

  forget(which) {
    for (const [id, waits] of this.waiting) if (which(waits)) this.waiting.delete(id);
  }

  post(message) {
    const lost = () => this.lose("the kernel cannot be reached");
    try {
      const sent = this.model.send(message);
      if (typeof sent?.catch === "function") sent.catch(lost);
    } catch {
      lost();
    }
  }

  lookAtClock() {
    const now = Date.now();
    const late = [...this.waiting.values()].some(waits => now - waits.since > PATIENCE);
    if (late) this.lose("the kernel does not answer; it is busy, was restarted or has ended");
    if (this.waiting.size) this.later("patience", 1000, () => this.lookAtClock());
  }

  lose(why) {
    if (this.closed) return;
    this.gone = why;
    // Whether the host has what was sent shows when it is back.
    for (const record of this.records.values()) record.sent = null;
    this.forget(waits => ["save", "ping"].includes(waits.message.type));
    this.keepDrafts();
    this.heard.status();
    this.later("retry", Math.min(1000 * 1.5 ** this.tries++, 8000), () => this.ask({ type: "ping" }));
  }

  /** Anything the host says shows that it is there. */
  regain() {
    if (!this.gone) return;
    this.gone = null;
    this.tries = 0;
    // Asked again in their order; a class is known before the boxes that are of it.
    const again = [...this.waiting.values()];
    if (this.session !== null) this.hello();
    for (const waits of again) {
      waits.since = Date.now();
      if (this.waiting.get(waits.message.id) === waits) this.post(waits.message);
    }
    this.records.forEach(record => this.save(record));
    this.heard.status();
  }

  receive(message, buffers) {
    if (this.closed || !message || typeof message.type !== "string") return;
    // These two are the bridge's and not the host's.
    if (message.type === "gone") return this.lose(message.why);
    if (message.type === "back") return this.hello();
    const mine = message.view === this.view;
    const asked = mine ? this.waiting.get(message.id) : null;
    if (asked) this.waiting.delete(message.id);
    const other = message.session !== undefined && message.session !== this.session;
    if (other) this.records.forEach(record => (record.anew = true));
    this.regain();
    const action = this[`on_${message.type}`];
    if (action) action.call(this, message, { mine, asked: asked?.message, buffers });
    this.heard.status();
  }

  on_pong(message) {
    // Another host than the one known: what it has may be another.
    if (message.session !== this.session) this.hello();
  }

  on_welcome(message, { mine }) {
    if (!mine) return;
    if (message.protocol !== PROTOCOL) {
      return this.heard.problem("This page and the kernel are of different versions. Load the page anew.");
    }
    this.barred = null;
    const anew = this.session !== message.session;
    this.session = message.session;
    this.dataset = message.dataset;
    this.setColors(message);
    this.setClasses(message.classes);
    this.setPictures(message.pictures, true);
    // What was asked for before may be answered with what was before.
    this.forget(waits => waits.message.type === "open");
    for (const record of this.records.values()) {
      if (anew) Object.assign(record, { seq: -1, anew });
      record.stale = true;
      this.save(record);
    }
    this.adoptDrafts();
    this.heard.welcome(message);
  }

  on_classes(message) {
    this.setColors(message);
    this.setClasses(message.classes);
  }

  setColors({ classes, colors = [] }) {
    colors.forEach((color, at) => /^#[0-9a-f]{6}$/.test(color) && this.colors.set(classes[at], color));
  }

  on_pictures(message) {
    this.setPictures(message.pictures, message.whole);
  }

  on_views(message) {
    this.pages = message.count;
  }

  on_problem(message) {
    this.heard.problem(message.why);
  }

  setClasses(classes) {
    const waits = [...this.waiting.values()].filter(({ message }) => message.type === "add_class");
    const names = [...classes, ...waits.map(({ message }) => message.name)];
    this.classes = [...new Set(names)];
    this.heard.classes();
  }

  addClass(name) {
    this.classes = [...this.classes, name];
    this.heard.classes();
    this.ask({ type: "add_class", name });
  }

  setPictures(pictures, whole) {
    if (whole) {
      this.pictures = pictures.map(picture => ({ ...picture }));
      this.byPicture = new Map(this.pictures.map(picture => [picture.id, picture]));
    } else {
      for (const picture of pictures) {
        const known = this.byPicture.get(picture.id);
        if (known) Object.assign(known, picture);
        else this.pictures.push(this.byPicture.set(picture.id, { ...picture }).get(picture.id));
      }
    }
    this.records.forEach(record => record.loaded && this.countBoxes(record));
    this.heard.pictures();
  }

  countBoxes(record) {
    const picture = this.byPicture.get(record.picture);
    if (!picture) return;
    picture.automatic = record.boxes.filter(box => box.proposed).length;
    picture.boxes = record.boxes.length - picture.automatic;
  }

  record(picture) {
    if (!this.records.has(picture)) {
      const fields = { title: "", author: "", note: "" };
      const empty = { boxes: [], fields, saved: { boxes: [], fields }, undo: [], redo: [] };
      this.records.set(picture, { picture, ...empty, revision: null, seq: -1, sent: null, pending: [], aliases: new Map(), loaded: false, used: 0 });
    }
    return this.records.get(picture);
  }

  /** Asks for a picture, its boxes and, where it is not at hand, its image. */
  open(picture) {
    const record = this.record(picture);
    record.used = ++this.count;
    const asked = [...this.waiting.values()].some(({ message }) => message.type === "open" && message.picture === picture);
    if (asked || (record.loaded && record.image && !record.stale)) return record;
    this.ask({ type: "open", picture, image: !record.image });
    return record;
  }

  on_picture(message, { mine, asked, buffers }) {
    if (!mine) return;
    const record = this.record(message.picture);
    record.width = message.width;
    record.height = message.height;
    record.problem = null;
    record.fault = message.fault ?? null;
    if (message.url) record.image = { url: message.url };
    else if (buffers[0]) this.holdImage(record, buffers[0], message.mime);
    if (asked) record.stale = false;
    this.theirs(record, message);
    this.sparePlace();
  }

  holdImage(record, bytes, mime) {
    this.dropImage(record);
    record.image = { url: URL.createObjectURL(new Blob([bytes], { type: mime || "image/jpeg" })), held: true };
  }

  dropImage(record) {
    if (record.image?.held) URL.revokeObjectURL(record.image.url);
    record.image = null;
  }

  sparePlace() {
    const held = [...this.records.values()].filter(record => record.image?.held);
    held.sort((one, other) => other.used - one.used);
    held.slice(IMAGES).forEach(record => this.dropImage(record));
  }

  on_changed(message, { mine }) {
    const record = this.records.get(message.picture);
    if (mine) return;
    const picture = this.byPicture.get(message.picture);
    // A person saved it, in another view.
    if (picture && message.view) picture.seen = true;
    if (record) return this.theirs(record, message);
    if (!picture) return;
    picture.automatic = message.boxes.filter(box => box.proposed).length;
    picture.boxes = message.boxes.length - picture.automatic;
    this.heard.record(null);
  }

  on_conflict(message, { mine }) {
    const record = this.records.get(message.picture);
    if (!mine || !record) return;
    this.theirs(record, message);
    if (record.sent?.id === message.id) record.sent = null;
    this.save(record);
  }

  on_saved(message, { mine }) {
    const record = this.records.get(message.picture);
    if (!mine || !record || record.sent?.id !== message.id) return;
    const { boxes, fields } = record.sent;
    record.sent = null;
    record.pending = [];
    record.refused = null;
    record.marked = false;
    const picture = this.byPicture.get(message.picture);
    if (picture) picture.seen = true;
    this.heard.record(null);
    if (message.seq > record.seq) {
      record.saved = { boxes, fields };
      record.revision = message.revision;
      record.seq = message.seq;
    }
    this.save(record);
    this.settle();
  }

  on_refused(message, { mine, asked }) {
    if (!mine || !asked) return;
    if (asked.type === "add_class") this.setClasses(this.classes.filter(name => name !== asked.name));
    if (asked.type === "save" || asked.type === "open") {
      const record = this.record(asked.picture);
      if (asked.type === "open") record.problem = message.why;
      else {
        Object.assign(record, { refused: message.why, sent: null });
        record.pending = record.pending.slice(0, -1);
      }
      this.heard.record(record);
    } else if (asked.type === "hello" && this.session === null) {
      // Such as a file that another program is just writing: it may be whole in a moment.
      this.barred = message.why;
      this.later("hello", 2000, () => this.hello());
    } else this.heard.problem(message.why);
  }

  /** Takes over what the host has of a picture; what is not yet saved here stays. */
  theirs(record, message) {
    if (record.loaded && message.seq < record.seq) return;
    if (record.anew) record.aliases = new Map([...record.aliases, ...aliases(message.boxes, [...record.saved.boxes, ...record.boxes])]);
    record.anew = false;
    const boxes = message.boxes.map(box => (record.aliases.has(box.id) ? { ...box, id: record.aliases.get(box.id) } : box));
    const fields = { title: "", author: "", note: "", ...message.fields };
    const base = basis(record.saved, record.pending, { boxes, fields });
    // From another revision on, what is still on its way will be a conflict.
    if (message.revision !== record.revision) record.pending = [];
    record.boxes = record.loaded ? merge(base.boxes, record.boxes, boxes) : boxes;
    record.fields = record.loaded ? mergeFields(base.fields, record.fields, fields) : fields;
    record.saved = { boxes, fields };
    record.revision = message.revision;
    record.seq = message.seq;
    record.loaded = true;
    this.countBoxes(record);
    this.heard.record(record);
    this.settle();
  }

  isDirty(record) {
    if (!record.loaded) return false;
    if (record.sent || record.pending.length || record.marked) return true;
    return !sameBoxes(record.boxes, record.saved.boxes) || !sameFields(record.fields, record.saved.fields);
  }

  dirty() {
    return [...this.records.values()].filter(record => this.isDirty(record));
  }

  /** A picture's boxes or fields were changed here. */
  changed(record, atOnce) {
    record.refused = null;
    this.countBoxes(record);
    if (atOnce) this.save(record);
    else this.later(`save ${record.picture}`, DELAY, () => this.save(record));
    this.settle();
    this.heard.status();
  }

  /** One save a picture is under way at most: the next builds on the revision that its answer names. */
  save(record) {
    if (this.closed || this.gone || this.session === null || record.sent || record.refused || !this.isDirty(record)) return;
    const { picture, boxes, fields, revision } = record;
    const id = this.ask({ type: "save", picture, base: revision, boxes, fields });
    // The connection may have been lost while it was sent.
    if (this.waiting.has(id)) record.sent = { id, boxes, fields };
    record.pending = [...record.pending, { boxes, fields }];
  }

  settle() {
    this.later("drafts", 400, () => this.keepDrafts());
  }

  /** What is not saved outlives the page, where the browser lets it. */
  keepDrafts() {
    if (!this.dataset) return;
    const name = `${DRAFTS}${this.dataset}:${this.view}`;
    const drafts = this.dirty().map(({ picture, boxes, fields, saved, revision, pending, marked }) => ({ picture, boxes, fields, saved, revision, pending, marked }));
    try {
      if (drafts.length) localStorage.setItem(name, JSON.stringify(drafts));
      else localStorage.removeItem(name);
    } catch {
      // No room or no leave: they are kept in this page alone.
    }
  }

  adoptDrafts() {
    const start = `${DRAFTS}${this.dataset}:`;
    try {
      const names = Object.keys(localStorage).filter(name => name.startsWith(start) && !name.endsWith(`:${this.view}`));
      for (const name of names) {
        for (const draft of JSON.parse(localStorage.getItem(name))) this.adopt(draft);
        localStorage.removeItem(name);
      }
    } catch {
      // None can be read.
    }
  }

  adopt(draft) {
    const record = this.record(draft.picture);
    if (record.loaded || !this.byPicture.has(draft.picture)) return;
    Object.assign(record, draft, { loaded: true, stale: true, anew: true });
    this.countBoxes(record);
    this.save(record);
    this.settle();
  }

  /** How saving stands: a word for the eye's colour, and a sentence. */
  status() {
    const dirty = this.dirty();
    const refused = dirty.find(record => record.refused);
    if (this.gone) {
      if (!dirty.length) return ["lost", `no connection: ${this.gone}. Trying again.`];
      const kept = `Changes on ${plural(dirty.length, "picture")} are kept here and saved when it is back.`;
      return ["lost", `not saved: ${this.gone}. ${kept}`];
    }
    if (refused) return ["lost", `not saved: ${refused.refused}`];
    if (this.barred) return ["lost", `nothing can be shown yet: ${this.barred}. Trying again.`];
    if (this.session === null) return ["busy", "waiting for the kernel"];
    return dirty.length ? ["busy", "saving"] : ["fine", "saved"];
  }
}
