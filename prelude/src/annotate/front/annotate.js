// The annotation tool, second part: what is seen and what hands do. It follows on sync.js in one module.

const ICONS = {
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  undo: "M8 4L4 8l4 4M4 8h9a6 6 0 0 1 0 12H8",
  redo: "M16 4l4 4-4 4M20 8h-9a6 6 0 0 0 0 12h5",
  less: "M5 12h14",
  more: "M5 12h14M12 5v14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  over: "M4 4h11v11H4zM9 9h11v11H9z",
  copy: "M4 4h9v9H4zM11 20h9v-9M16 4h4v3",
  accept: "M4 13l5 5L20 6",
  nothing: "M5 19L19 5M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16",
  remove: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = svg.appendChild(document.createElementNS(space, "path"));
  path.setAttribute("d", ICONS[name]);
  return svg;
}

// ---- a long list of which only what is seen is in the page ----

class VirtualList {
  constructor({ label, row, fill, pick, signal }) {
    Object.assign(this, { row, fill, pick, count: 0, active: -1 });
    this.prefix = `cwa-${random()}`;
    this.inner = h("div", { className: "cwa-inner", role: "presentation" });
    this.element = h("div", { className: "cwa-list", role: "listbox", tabIndex: 0, "aria-label": label }, this.inner);
    this.element.addEventListener("scroll", () => this.draw(), { signal });
    this.element.addEventListener("keydown", event => this.key(event), { signal });
    this.element.addEventListener("click", event => this.click(event), { signal });
  }

  show(count, active) {
    this.count = count;
    const steady = this.active === active;
    this.active = active;
    this.inner.style.height = `${count * this.row}px`;
    if (!steady) this.reveal();
    this.draw();
  }

  reveal() {
    if (this.active < 0) return;
    const [top, height] = [this.active * this.row, this.element.clientHeight];
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + this.row > this.element.scrollTop + height) this.element.scrollTop = top + this.row - height;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.row) - 3);
    const last = Math.min(this.count, first + Math.ceil((this.element.clientHeight || 400) / this.row) + 7);
    const rows = [];
    for (let at = first; at < last; at++) rows.push(this.drawRow(at));
    this.inner.replaceChildren(...rows);
    const seen = this.active >= first && this.active < last;
    if (seen) this.element.setAttribute("aria-activedescendant", `${this.prefix}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  drawRow(at) {
    const row = h("div", { className: "cwa-row", role: "option", id: `${this.prefix}-${at}` });
    row.dataset.at = at;
    row.style.top = `${at * this.row}px`;
    row.style.height = `${this.row}px`;
    row.setAttribute("aria-selected", String(at === this.active));
    row.setAttribute("aria-posinset", at + 1);
    row.setAttribute("aria-setsize", this.count);
    this.fill(row, at);
    return row;
  }

  click(event) {
    const row = event.target.closest(".cwa-row");
    if (row) this.pick(Number(row.dataset.at));
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.row) - 1);
    const way = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.count, End: this.count }[event.key];
    if (way === undefined || event.altKey || event.ctrlKey || event.metaKey || !this.count) return;
    event.preventDefault();
    event.stopPropagation();
    this.pick(clamp(this.active + way, 0, this.count - 1));
  }
}

// ---- the picture and the boxes on it ----

class Stage {
  constructor(tool, signal) {
    this.tool = tool;
    this.view = { scale: 1, x: 0, y: 0, fits: true };
    this.fingers = new Map();
    this.widths = new Map();
    this.image = h("img", { className: "cwa-image", alt: "", draggable: false });
    this.canvas = h("canvas", { className: "cwa-canvas" });
    this.notice = h("div", { className: "cwa-notice", hidden: true });
    this.element = h(
      "div",
      { className: "cwa-stage", tabIndex: 0, role: "application", "aria-label": "Picture with boxes; press ? for the keys" },
      this.image, this.canvas, this.notice,
    );
    this.listen(signal);
    this.observer = new ResizeObserver(() => this.fitRoom());
    this.observer.observe(this.element);
  }

  listen(signal) {
    const on = (name, action, options) => this.element.addEventListener(name, action, { signal, ...options });
    on("pointerdown", event => this.press(event));
    on("pointermove", event => this.move(event));
    on("pointerup", event => this.release(event));
    on("pointercancel", event => this.release(event, true));
    on("lostpointercapture", event => this.release(event, true));
    on("pointerleave", () => this.point(null));
    on("wheel", event => this.wheel(event), { passive: false });
    on("mousedown", event => event.button === 1 && event.preventDefault());
    on("auxclick", event => event.button === 1 && event.preventDefault());
    on("blur", () => this.holdSpace(false));
    this.image.addEventListener("load", () => this.loaded(), { signal });
    this.image.addEventListener("error", () => this.failed(), { signal });
  }

  dispose() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.image.removeAttribute("src");
  }

  get record() {
    return this.tool.record;
  }

  get size() {
    const record = this.record;
    return { width: record?.width || this.image.naturalWidth || 1, height: record?.height || this.image.naturalHeight || 1 };
  }

  // -- the view --

  show(record) {
    this.abandon();
    const url = record?.image?.url;
    if (url && this.image.getAttribute("src") !== url) {
      this.ready = false;
      this.image.classList.add("cwa-hidden");
      this.image.src = url;
      this.view.fits = true;
    } else if (!url) {
      this.ready = false;
      this.image.classList.add("cwa-hidden");
      this.image.removeAttribute("src");
    }
    this.say(record?.problem ? `This picture cannot be shown: ${record.problem}` : url || !record ? "" : "loading …");
    this.fitRoom();
  }

  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  loaded() {
    this.ready = true;
    this.image.classList.remove("cwa-hidden");
    this.say("");
    this.fitRoom();
    this.tool.lookAhead();
  }

  failed() {
    if (this.image.getAttribute("src")) this.say("This picture cannot be shown.");
  }

  fitRoom() {
    const { clientWidth, clientHeight } = this.element;
    const ratio = window.devicePixelRatio || 1;
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (this.view.fits) this.fit();
    else this.place();
  }

  fit() {
    const { width, height } = this.size;
    const { clientWidth, clientHeight } = this.element;
    const scale = Math.max(0.001, Math.min((clientWidth - 24) / width, (clientHeight - 24) / height));
    this.view = { scale, x: (clientWidth - width * scale) / 2, y: (clientHeight - height * scale) / 2, fits: true };
    this.place();
  }

  /** Puts the image where the view says, never wholly out of sight. */
  place() {
    const { width, height } = this.size;
    const { clientWidth, clientHeight } = this.element;
    const view = this.view;
    const [wide, high] = [width * view.scale, height * view.scale];
    const margin = 40;
    view.x = clamp(view.x, margin - wide, clientWidth - margin);
    view.y = clamp(view.y, margin - high, clientHeight - margin);
    const style = this.image.style;
    style.width = `${width}px`;
    style.height = `${height}px`;
    style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    this.image.classList.toggle("cwa-sharp", view.scale > 3);
    this.tool.showZoom(view.scale);
    this.paint();
  }

  zoom(factor, at = this.pointer) {
    const around = at || { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 };
    const { width, height } = this.size;
    const least = Math.min(1, 48 / Math.max(width, height));
    const scale = clamp(this.view.scale * factor, least, 64);
    const share = scale / this.view.scale;
    this.view = { scale, x: around.x - (around.x - this.view.x) * share, y: around.y - (around.y - this.view.y) * share, fits: false };
    this.place();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.view.fits = false;
    this.place();
  }

  /** Brings a box into sight, where it is not. */
  reveal(box) {
    const { scale, x, y } = this.view;
    const { clientWidth, clientHeight } = this.element;
    const [cx, cy] = [((box.left + box.right) / 2) * scale + x, ((box.top + box.bottom) / 2) * scale + y];
    if (cx < 0 || cy < 0 || cx > clientWidth || cy > clientHeight) this.pan(clientWidth / 2 - cx, clientHeight / 2 - cy);
  }

  wheel(event) {
    // A notebook scrolls on, unless the tool is in use.
    if (!this.tool.page && !this.tool.hasFocus()) return;
    event.preventDefault();
    const step = event.deltaY * (event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 400 : 1);
    this.zoom(Math.exp(-clamp(step, -400, 400) * (event.ctrlKey ? 0.01 : 0.002)), this.position(event));
  }

  // -- the pointer --

  position(event) {
    const ground = this.element.getBoundingClientRect();
    // The element may itself be shown larger or smaller.
    const across = this.element.clientWidth / (ground.width || 1);
    const down = this.element.clientHeight / (ground.height || 1);
    return { x: (event.clientX - ground.left) * across, y: (event.clientY - ground.top) * down };
  }

  toPicture({ x, y }) {
    return { x: (x - this.view.x) / this.view.scale, y: (y - this.view.y) / this.view.scale };
  }

  point(at) {
    this.pointer = at;
    this.paint();
  }

  holdSpace(held) {
    this.space = held;
    this.setCursor();
  }

  /** The boxes at a point, the smallest first. */
  boxesAt(point, reach = 4) {
    const slack = reach / this.view.scale;
    const inside = box =>
      point.x >= box.left - slack && point.x <= box.right + slack && point.y >= box.top - slack && point.y <= box.bottom + slack;
    const area = box => (box.right - box.left) * (box.bottom - box.top);
    return this.tool.boxes.filter(inside).sort((one, other) => area(one) - area(other));
  }

  handleAt(at, touch) {
    const box = this.tool.selected;
    if (!box) return null;
    const reach = touch ? 20 : 9;
    const point = this.toPicture(at);
    const near = HANDLES.map(handle => {
      const spot = handlePoint(box, handle);
      return { handle, far: Math.hypot(spot.x - point.x, spot.y - point.y) * this.view.scale };
    });
    near.sort((one, other) => one.far - other.far);
    // On a small box the inside stays free to move it.
    const inner = Math.min(box.right - box.left, box.bottom - box.top) * this.view.scale;
    return near[0].far <= Math.min(reach, Math.max(4, inner / 3)) ? near[0].handle : null;
  }

  setCursor() {
    const cursors = { n: "ns", s: "ns", e: "ew", w: "ew", ne: "nesw", sw: "nesw", nw: "nwse", se: "nwse" };
    const at = this.pointer;
    let cursor = "crosshair";
    if (this.drag?.kind === "pan") cursor = "grabbing";
    else if (this.space) cursor = "grab";
    else if (this.drag?.handle) cursor = `${cursors[this.drag.handle]}-resize`;
    else if (at && !this.drag) {
      const handle = this.handleAt(at);
      if (handle) cursor = `${cursors[handle]}-resize`;
      else if (!this.tool.drawsOver && this.boxesAt(this.toPicture(at)).length) cursor = "move";
    }
    this.element.style.cursor = cursor;
  }

  press(event) {
    if (event.button > 1 || !this.ready) return;
    this.tool.focus();
    const at = this.position(event);
    this.fingers.set(event.pointerId, at);
    try {
      this.element.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is already gone.
    }
    if (this.fingers.size === 2) return this.pinch();
    if (this.fingers.size > 2) return;
    this.pointer = at;
    this.drag = this.begin(event, at);
    this.paint();
  }

  begin(event, at) {
    const start = this.toPicture(at);
    const common = { from: at, start, far: 0 };
    if (event.button === 1 || this.space) return { ...common, kind: "pan" };
    const handle = this.handleAt(at, event.pointerType === "touch");
    if (handle) return { ...common, kind: "resize", handle, box: this.tool.selected };
    const there = this.boxesAt(start, event.pointerType === "touch" ? 12 : 4);
    if (!there.length || event.shiftKey || this.tool.drawsOver) return { ...common, kind: "draw", there };
    const selected = there.find(box => box.id === this.tool.selection);
    if (!selected) this.tool.select(there[0].id);
    return { ...common, kind: "move", box: selected || there[0], there, again: !!selected };
  }

  pinch() {
    this.abandon();
    const [one, other] = [...this.fingers.values()];
    this.drag = { kind: "pinch", far: Math.hypot(one.x - other.x, one.y - other.y), middle: { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 } };
  }

  pinchOn() {
    const [one, other] = [...this.fingers.values()];
    if (!other) return;
    const far = Math.hypot(one.x - other.x, one.y - other.y);
    const middle = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
    this.pan(middle.x - this.drag.middle.x, middle.y - this.drag.middle.y);
    this.zoom(far / Math.max(1, this.drag.far), middle);
    Object.assign(this.drag, { far, middle });
  }

  move(event) {
    const at = this.position(event);
    const before = this.pointer || at;
    this.pointer = at;
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, at);
    const drag = this.drag;
    if (drag?.kind === "pinch") this.pinchOn();
    else if (drag?.kind === "pan") this.pan(at.x - before.x, at.y - before.y);
    else if (drag) this.dragOn(drag, at);
    this.paint();
  }

  dragOn(drag, at) {
    drag.far = Math.max(drag.far, Math.hypot(at.x - drag.from.x, at.y - drag.from.y));
    drag.at = this.toPicture(at);
    if (drag.far < CLICK || !drag.box) return;
    const [dx, dy] = [drag.at.x - drag.start.x, drag.at.y - drag.start.y];
    const { width, height } = this.size;
    const sides = drag.kind === "move" ? moved(drag.box, dx, dy, width, height) : resized(drag.box, drag.handle, dx, dy, width, height);
    drag.changed = true;
    this.tool.preview({ ...drag.box, ...sides, proposed: false });
  }

  release(event, cancelled) {
    const drag = this.drag;
    if (!this.fingers.delete(event.pointerId) || !drag) return;
    if (drag.kind === "pinch") {
      this.drag = null;
      return;
    }
    if (cancelled) return this.abandon();
    this.dragOn(drag, this.position(event));
    this.drag = null;
    if (drag.kind === "draw") this.endDrawing(drag);
    else if (drag.changed) this.tool.commitDrag(drag.box);
    else if (drag.kind === "move" && drag.again) this.selectNext(drag.there);
    this.paint();
  }

  drawn(drag) {
    const { width, height } = this.size;
    const sides = boxFrom(drag.start, drag.at || drag.start, width, height);
    const large = sides.right - sides.left >= LEAST && sides.bottom - sides.top >= LEAST;
    return large && drag.far >= CLICK ? sides : null;
  }

  endDrawing(drag) {
    const sides = this.drawn(drag);
    if (sides) this.tool.add(sides);
    else {
      this.tool.select(drag.there[0]?.id ?? null);
      if (drag.far >= CLICK) this.tool.showProblem(`That is too small for a box: ${LEAST} pixels of the picture at least.`);
    }
  }

  /** A click on what is selected goes to the box below it. */
  selectNext(there) {
    const at = there.findIndex(box => box.id === this.tool.selection);
    this.tool.select(there[(at + 1) % there.length].id);
  }

  /** Ends a drag as if it had not been; says whether there was one. */
  abandon() {
    const drag = this.drag;
    this.drag = null;
    if (drag?.changed) this.tool.revertDrag(drag.box);
    this.paint();
    return !!drag && drag.kind !== "pinch";
  }

  // -- drawing --

  paint() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.setCursor();
      this.paintNow();
    });
  }

  onScreen(box) {
    const { scale, x, y } = this.view;
    return { x: box.left * scale + x, y: box.top * scale + y, w: (box.right - box.left) * scale, h: (box.bottom - box.top) * scale };
  }

  paintNow() {
    const { clientWidth, clientHeight } = this.element;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, clientWidth, clientHeight);
    if (!this.ready || !this.record?.loaded) return;
    const seen = ({ x, y, w, h }) => x < clientWidth && y < clientHeight && x + w > 0 && y + h > 0;
    const shown = this.tool.boxes.map(box => ({ box, at: this.onScreen(box) })).filter(({ at }) => seen(at));
    const over = !this.drag && this.pointer ? this.boxesAt(this.toPicture(this.pointer))[0]?.id : null;
    const rank = ({ box }) => (box.id === this.tool.selection ? 2 : box.id === over ? 1 : 0);
    // The selected box lies on top of all; its label finds place first.
    shown.sort((one, other) => rank(one) - rank(other));
    for (const one of shown) this.paintBox(pen, one.box, one.at, rank(one));
    if (this.tool.labels) this.paintLabels(pen, shown, rank);
    const selected = this.tool.selected;
    if (selected) this.paintHandles(pen, selected);
    if (this.drag?.kind === "draw") this.paintDrawing(pen);
  }

  paintBox(pen, box, { x, y, w, h }, rank) {
    const color = this.tool.colorOf(box.class);
    const line = rank === 2 ? 4 : 3;
    pen.lineJoin = "miter";
    pen.fillStyle = alpha(color, rank === 2 ? 0.18 : rank ? 0.14 : 0.05);
    pen.fillRect(x, y, w, h);
    pen.setLineDash([]);
    pen.strokeStyle = box.proposed ? "rgba(0, 0, 0, 0.85)" : "rgba(255, 255, 255, 0.9)";
    pen.lineWidth = line + 2.5;
    pen.strokeRect(x, y, w, h);
    if (box.proposed) pen.setLineDash([9, 5]);
    pen.strokeStyle = box.proposed ? tint(color) : color;
    pen.lineWidth = line;
    pen.strokeRect(x, y, w, h);
    pen.setLineDash([]);
  }

  paintLabels(pen, shown, rank) {
    const taken = [];
    pen.font = "600 13px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (const one of [...shown].reverse()) {
      // In a crowd, labels must not hide what they name.
      const least = shown.length > 60 ? 1500 : 200;
      if (one.at.w * one.at.h < least && !rank(one)) continue;
      this.paintLabel(pen, one.box, one.at, taken, rank(one));
    }
  }

  /** A plate with the class: above the box, within it or below it, wherever no other label stands. */
  paintLabel(pen, box, { x, y, w, h }, taken, rank) {
    const text = box.proposed && box.score != null ? `${box.class} ${box.score.toFixed(2)}` : box.class;
    if (!this.widths.has(text)) this.widths.set(text, pen.measureText(text).width);
    const [wide, high] = [this.widths.get(text) + 10, 20];
    const { clientWidth, clientHeight } = this.element;
    const left = clamp(x - 2.5, 0, clientWidth - wide);
    const tops = [y - high - 1, y + 2, y + h + 1, clamp(y + 2, 0, clientHeight - high)];
    const free = top =>
      top >= 0 && top + high <= clientHeight &&
      !taken.some(other => left < other.left + other.wide && other.left < left + wide && top < other.top + high && other.top < top + high);
    let top = tops.find(free);
    if (top === undefined) {
      if (!rank) return;
      top = clamp(tops[0], 0, clientHeight - high);
    }
    taken.push({ left, top, wide });
    const color = this.tool.colorOf(box.class);
    pen.fillStyle = box.proposed ? "#111" : color;
    pen.fillRect(left, top, wide, high);
    pen.lineWidth = 1;
    pen.strokeStyle = box.proposed ? tint(color) : "rgba(255, 255, 255, 0.9)";
    if (box.proposed) pen.setLineDash([4, 3]);
    pen.strokeRect(left + 0.5, top + 0.5, wide - 1, high - 1);
    pen.setLineDash([]);
    pen.fillStyle = box.proposed ? tint(color) : inkOn(color);
    pen.fillText(text, left + 5, top + high / 2 + 0.5);
  }

  paintHandles(pen, box) {
    const color = this.tool.colorOf(box.class);
    const { w, h } = this.onScreen(box);
    for (const handle of HANDLES) {
      if (handle.length === 1 && Math.min(w, h) < 36) continue;
      const spot = handlePoint(box, handle);
      const [x, y] = [spot.x * this.view.scale + this.view.x, spot.y * this.view.scale + this.view.y];
      const lit = this.tool.nudges === handle;
      pen.fillStyle = lit ? "#ffd400" : "#fff";
      pen.strokeStyle = lit ? "#000" : color;
      pen.lineWidth = 2;
      pen.fillRect(x - 4.5, y - 4.5, 9, 9);
      pen.strokeRect(x - 4.5, y - 4.5, 9, 9);
    }
  }

  paintDrawing(pen) {
    const { width, height } = this.size;
    const sides = boxFrom(this.drag.start, this.drag.at || this.drag.start, width, height);
    this.paintBox(pen, { ...sides, class: this.tool.className, proposed: false }, this.onScreen(sides), 2);
  }
}

// ---- the whole tool ----

const KEYS = [
  ["Draw a box", "drag on empty ground; Shift and drag over other boxes; N puts one in the middle"],
  ["Leave off", "Escape"],
  ["Select", "click; click again for the box below; Tab, Shift+Tab"],
  ["Move, resize", "drag the box, drag one of its 8 handles"],
  ["Nudge", "Alt+arrows by 1 pixel, Alt+Shift+arrows by 10; R: what they move, the box or a corner"],
  ["Delete, reject", "Delete or Backspace"],
  ["Nothing there", "E: the picture is seen and holds no object; its automatic boxes are rejected; the next one comes"],
  ["Class", "1–9, or / and type; Enter takes or adds it; a selected box gets it"],
  ["Automatic boxes", "Enter accepts the selected one, Shift+Enter all of the picture; moving one accepts it"],
  ["Undo, redo", "Ctrl+Z; Ctrl+Shift+Z or Ctrl+Y"],
  ["Pictures", "← → or , and . ; Home, End"],
  ["Zoom", "wheel, + and −; 0 shows the whole picture; two fingers"],
  ["Move the picture", "Space and drag, or the middle button"],
  ["Copy boxes", "P: those of the previous picture"],
  ["Labels", "L shows or hides them; D draws over boxes without Shift"],
  ["Title, author, note", "T"],
];
const FILTERS = [
  ["all", "all pictures"],
  ["unseen", "not yet seen"],
  ["empty", "without boxes"],
  ["automatic", "automatic boxes"],
  ["doubt", "most doubtful first"],
];
const NUDGES = [null, "se", "nw"];

class Tool {
  constructor(model, el) {
    this.el = el;
    this.page = model.get("page") === true;
    this.end = new AbortController();
    this.current = null;
    this.selection = null;
    this.className = "";
    this.labels = true;
    this.drawsOver = false;
    this.nudges = null;
    this.order = [];
    this.filter = "all";
    this.search = "";
    this.sync = new Sync(model, {
      welcome: message => this.welcome(message),
      record: record => this.recordChanged(record),
      pictures: () => this.arrange(),
      classes: () => this.showClasses(),
      status: () => this.showStatus(),
      problem: why => this.showProblem(why),
    });
    this.stage = new Stage(this, this.end.signal);
    this.build();
    this.listen();
    this.showStatus();
    this.sync.hello();
    if (this.page) this.focus();
  }

  dispose() {
    this.leaveFields();
    this.stage.abandon();
    this.sync.dispose();
    this.stage.dispose();
    this.observer.disconnect();
    this.end.abort();
    clearTimeout(this.problemTimer);
    this.root.remove();
  }

  // -- what is on the screen --

  button(name, label, action, text) {
    const button = h("button", { type: "button", className: "cwa-button", title: label, "aria-label": label });
    if (name) button.append(icon(name));
    if (text) button.append(h("span", { textContent: text }));
    button.addEventListener("click", () => action(), { signal: this.end.signal });
    return button;
  }

  build() {
    this.root = h("div", { className: `cwa${this.page ? " cwa-page" : ""}`, tabIndex: -1, "data-lm-suppress-shortcuts": "true" });
    this.live = h("div", { className: "cwa-unseen", "aria-live": "polite" });
    this.help = this.buildHelp();
    const body = h("div", { className: "cwa-body" }, this.buildPictures(), this.stage.element, this.buildSide());
    this.root.append(h("div", { className: "cwa-frame" }, this.buildBar(), body, this.buildFoot()), this.help, this.live);
    this.el.append(this.root);
  }

  buildBar() {
    this.counter = h("span", { className: "cwa-counter" });
    this.name = h("span", { className: "cwa-name" });
    this.zoomText = h("span", { className: "cwa-zoom" });
    this.undoButton = this.button("undo", "Undo (Ctrl+Z)", () => this.undo());
    this.redoButton = this.button("redo", "Redo (Ctrl+Shift+Z)", () => this.redo());
    this.overButton = this.button("over", "Draw over boxes (D)", () => this.toggleOver());
    this.overButton.setAttribute("aria-pressed", "false");
    this.deleteButton = this.button("remove", "Delete or reject the selected box (Delete)", () => this.remove());
    this.acceptButton = this.button("accept", "Accept all automatic boxes of the picture (Shift+Enter)", () => this.acceptAll(), "accept all");
    const group = (...parts) => h("div", { className: "cwa-group" }, ...parts);
    return h(
      "div",
      { className: "cwa-bar", role: "toolbar", "aria-label": "Tools" },
      group(
        this.button("previous", "Previous picture (←)", () => this.step(-1)),
        this.button("next", "Next picture (→)", () => this.step(1)),
        this.counter,
      ),
      this.name,
      group(this.undoButton, this.redoButton, this.deleteButton),
      group(this.button("nothing", "Nothing on this picture: seen (E)", () => this.nothing()), this.overButton, this.button("copy", "Copy the boxes of the previous picture (P)", () => this.copyPrevious()), this.acceptButton),
      group(
        this.button("less", "Smaller (−)", () => this.stage.zoom(1 / 1.4, null)),
        this.zoomText,
        this.button("more", "Larger (+)", () => this.stage.zoom(1.4, null)),
        this.button("fit", "The whole picture (0)", () => this.stage.fit()),
      ),
      this.button(null, "Keys and help (?)", () => this.toggleHelp(), "?"),
    );
  }

  buildPictures() {
    const { signal } = this.end;
    this.filterChoice = h("select", { className: "cwa-input", "aria-label": "Which pictures" });
    for (const [value, textContent] of FILTERS) this.filterChoice.append(h("option", { value, textContent }));
    this.filterChoice.addEventListener("change", () => this.setFilter(this.filterChoice.value), { signal });
    this.searchBox = h("input", { className: "cwa-input", type: "search", placeholder: "find a name", "aria-label": "Find pictures by name" });
    this.searchBox.addEventListener("input", () => ((this.search = this.searchBox.value.trim().toLowerCase()), this.arrange()), { signal });
    const fill = (row, at) => this.fillPicture(row, this.sync.byPicture.get(this.order[at]));
    this.pictureList = new VirtualList({ label: "Pictures", row: 28, fill, pick: at => this.show(this.order[at]), signal });
    return h("div", { className: "cwa-pictures" }, this.filterChoice, this.searchBox, this.pictureList.element);
  }

  fillPicture(row, picture) {
    if (!picture) return;
    const counts = h("span", { className: "cwa-counts" });
    if (picture.automatic) counts.append(h("span", { className: "cwa-auto", textContent: picture.automatic, title: plural(picture.automatic, "automatic box") }));
    // A dash says that nobody has looked yet, 0 that nothing is there.
    const unseen = picture.seen === false && !picture.boxes;
    const title = unseen ? "not yet seen" : plural(picture.boxes, "box");
    counts.append(h("span", { className: picture.boxes ? "cwa-some" : "cwa-none", textContent: unseen ? "–" : picture.boxes, title }));
    row.title = picture.name;
    row.append(h("span", { className: "cwa-text", textContent: picture.name }), counts);
    const automatic = picture.automatic ? `, ${picture.automatic} automatic` : "";
    row.setAttribute("aria-label", `${picture.name}: ${title}${automatic}`);
  }

  buildSide() {
    const { signal } = this.end;
    const list = `cwa-${random()}`;
    const role = { role: "combobox", "aria-controls": list, "aria-expanded": "true", "aria-autocomplete": "list" };
    this.classBox = h("input", { className: "cwa-input", type: "text", placeholder: "class: type to find or add", maxLength: 100, "aria-label": "Class: type to find or to add one", autocomplete: "off", ...role });
    this.classBox.addEventListener("input", () => ((this.classAt = 0), this.showClasses()), { signal });
    this.classBox.addEventListener("keydown", event => this.classKey(event), { signal });
    this.classList = h("div", { className: "cwa-classes", role: "listbox", id: list, "aria-label": "Classes" });
    this.classList.addEventListener("click", event => this.classClick(event), { signal });
    const fill = (row, at) => this.fillBox(row, this.boxes[at], at);
    this.boxList = new VirtualList({ label: "Boxes on this picture", row: 26, fill, pick: at => this.select(this.boxes[at].id, true), signal });
    this.boxHead = h("h3", { textContent: "Boxes" });
    return h(
      "div",
      { className: "cwa-side" },
      h("h3", { textContent: "Class" }), this.classBox, this.classList, this.boxHead, this.boxList.element, this.buildFields(),
    );
  }

  buildFields() {
    const fields = h("div", { className: "cwa-fields" });
    this.inputs = {};
    for (const name of FIELDS) {
      const input = name === "note" ? h("textarea", { rows: 2 }) : h("input", { type: "text" });
      Object.assign(input, { className: "cwa-input", maxLength: 4000, id: `cwa-${random()}`, disabled: true });
      input.addEventListener("input", () => this.editField(name, input.value), { signal: this.end.signal });
      input.addEventListener("change", () => this.leaveFields(), { signal: this.end.signal });
      this.inputs[name] = input;
      fields.append(h("label", { htmlFor: input.id, textContent: name }), input);
    }
    return fields;
  }

  buildFoot() {
    this.statusText = h("span", { className: "cwa-status", role: "status" });
    this.pagesText = h("span", { className: "cwa-pages", role: "status" });
    this.problemText = h("span", { className: "cwa-problem", role: "alert" });
    this.info = h("span", { className: "cwa-info" });
    return h("div", { className: "cwa-foot" }, this.statusText, this.pagesText, this.problemText, this.info);
  }

  buildHelp() {
    const rows = KEYS.map(([what, how]) => h("tr", {}, h("th", { textContent: what, scope: "row" }), h("td", { textContent: how })));
    const close = this.button(null, "Close", () => this.toggleHelp(), "close");
    const card = h("div", { className: "cwa-card" }, h("div", { className: "cwa-cardhead" }, h("h2", { textContent: "Boxes on pictures" }), close), h("table", {}, ...rows));
    card.append(h("p", { textContent: "Full lines with a light edge are boxes; dashed ones with a dark edge are automatic, with the network's score. Keys work while the tool has the focus. Every change is saved at once." }));
    return h("div", { className: "cwa-help", role: "dialog", "aria-modal": "true", "aria-label": "Keys and help", hidden: true }, card);
  }

  // -- what comes from the host --

  welcome(message) {
    const there = this.sync.byPicture.has(this.current);
    if (there) this.sync.open(this.current);
    else this.show(this.sync.byPicture.has(message.current) ? message.current : this.order[0]);
    if (!this.sync.pictures.length) this.stage.say("There are no pictures.");
  }

  recordChanged(record) {
    if (record && record.picture === this.current) {
      this.stage.paint();
      if (record.image && this.stage.image.getAttribute("src") !== record.image.url) this.stage.show(record);
      else if (record.problem) this.stage.show(record);
      if (record.problem && !record.loaded) this.sync.later("open", 3000, () => this.openAgain(record));
      if (record.fault) this.showPictures();
      if (this.selection && !this.selected) this.selection = null;
      this.showFields();
      this.showBoxes();
    }
    this.pictureList.draw();
  }

  /** Asks once more for a picture that was refused, where it is still looked at. */
  openAgain(record) {
    if (record.picture === this.current && !record.loaded) this.sync.open(record.picture);
  }

  // -- pictures --

  get record() {
    return this.current === null ? null : this.sync.records.get(this.current);
  }

  setFilter(filter) {
    this.filter = filter;
    this.arrange();
    if (this.order.length && !this.order.includes(this.current)) this.show(this.order[0]);
  }

  /** The pictures to go through; they stay as they are while boxes are drawn. */
  arrange() {
    const tests = { unseen: picture => picture.seen === false && !picture.boxes, empty: picture => !picture.boxes, automatic: picture => picture.automatic > 0 };
    const test = tests[this.filter] || (() => true);
    const found = this.sync.pictures.filter(picture => test(picture) && picture.name.toLowerCase().includes(this.search));
    if (this.filter === "doubt") found.sort((one, other) => (other.doubt ?? -Infinity) - (one.doubt ?? -Infinity) || 0);
    this.order = found.map(picture => picture.id);
    this.showPictures();
  }

  showPictures() {
    const at = this.order.indexOf(this.current);
    this.pictureList.show(this.order.length, at);
    this.counter.textContent = `${at < 0 ? "–" : at + 1} / ${this.order.length}`;
    const picture = this.sync.byPicture.get(this.current);
    const fault = this.record?.fault;
    const name = `${picture?.name ?? ""}${fault ? ` · damaged: ${fault}` : ""}`;
    this.name.textContent = name;
    this.name.title = name;
  }

  show(id) {
    if (id === undefined || id === null || id === this.current) return;
    this.leaveFields();
    this.stage.abandon();
    this.current = id;
    this.selection = null;
    const record = this.sync.open(id);
    this.stage.show(record);
    this.showPictures();
    this.showFields();
    this.showBoxes();
    this.say(this.sync.byPicture.get(id)?.name ?? "");
  }

  step(way) {
    const at = this.order.indexOf(this.current);
    this.show(this.order[at < 0 ? 0 : clamp(at + way, 0, this.order.length - 1)]);
  }

  /** Fetches the next picture while this one is looked at. */
  lookAhead() {
    const next = this.order[this.order.indexOf(this.current) + 1];
    if (next === undefined) return;
    const { image } = this.sync.open(next);
    if (image && !image.held) this.ahead = Object.assign(new Image(), { src: image.url });
  }

  // -- boxes --

  get boxes() {
    return this.record?.boxes ?? [];
  }

  get selected() {
    return this.boxes.find(box => box.id === this.selection) ?? null;
  }

  colorOf(name) {
    const at = this.sync.classes.indexOf(name);
    return this.sync.colors.get(name) ?? COLORS[at < 0 ? 6 : at % COLORS.length];
  }

  select(id, reveal) {
    if (id !== this.selection) this.nudges = null;
    this.selection = id;
    const box = this.selected;
    if (box && reveal) this.stage.reveal(box);
    if (box) this.say(`Box ${this.boxes.indexOf(box) + 1} of ${this.boxes.length}: ${this.describe(box)}`);
    this.showBoxes();
    this.showClasses();
  }

  describe(box) {
    const size = `${Math.round(box.right - box.left)} × ${Math.round(box.bottom - box.top)} at ${Math.round(box.left)}, ${Math.round(box.top)}`;
    return `${box.class}, ${size}${box.proposed ? `, automatic${box.score == null ? "" : ` ${box.score.toFixed(2)}`}` : ""}`;
  }

  /** Makes these the picture's boxes, as one step that can be undone. */
  edit(boxes, selection = this.selection) {
    const record = this.record;
    if (!record?.loaded) return;
    this.remember(record, difference(record.boxes, boxes));
    record.boxes = boxes;
    this.edited(record, true, selection);
  }

  remember(record, step) {
    if (!step.before.length && !step.after.length) return;
    record.undo.push({ ...step, time: Date.now() });
    if (record.undo.length > STEPS) record.undo.shift();
    record.redo = [];
  }

  edited(record, atOnce, selection = this.selection) {
    this.selection = selection;
    this.sync.changed(record, atOnce);
    this.showBoxes();
    this.pictureList.draw();
  }

  replaced(box) {
    return this.boxes.map(other => (other.id === box.id ? box : other));
  }

  preview(box) {
    const record = this.record;
    record.boxes = this.replaced(box);
    this.edited(record, false);
  }

  commitDrag(original) {
    const record = this.record;
    this.remember(record, difference(this.replaced(original), record.boxes));
    this.edited(record, true);
  }

  revertDrag(original) {
    const record = this.record;
    record.boxes = this.replaced(original);
    this.edited(record, true);
  }

  add(sides) {
    if (!this.className) {
      // It waits for its class.
      this.waiting = { picture: this.record?.id, sides };
      this.say("Choose or add a class first");
      this.showProblem("Choose or add a class first: type its name.");
      return this.classBox.focus();
    }
    const box = { id: random(), class: this.className, ...sides, proposed: false, score: null };
    this.edit([...this.boxes, box], box.id);
    this.say(`Drawn: ${this.describe(box)}`);
  }

  /** A new box in the middle of what is seen. */
  addInMiddle() {
    const { width, height } = this.stage.size;
    const { clientWidth, clientHeight } = this.stage.element;
    const [from, to] = [0.375, 0.625].map(share => this.stage.toPicture({ x: clientWidth * share, y: clientHeight * share }));
    const box = within(boxFrom(from, to, width, height), width, height);
    if (box && this.stage.ready) this.add(box);
  }

  remove() {
    const box = this.selected;
    if (!box) return;
    const next = box.proposed ? this.nextProposed(box) : null;
    this.edit(this.boxes.filter(other => other.id !== box.id), next?.id ?? null);
    this.say(`${box.proposed ? "Rejected" : "Deleted"}: ${box.class}`);
    if (next) this.stage.reveal(next);
  }

  nextProposed(box) {
    const at = this.boxes.indexOf(box);
    const round = [...this.boxes.slice(at + 1), ...this.boxes.slice(0, at)];
    return round.find(other => other.proposed) ?? null;
  }

  accept() {
    const box = this.selected;
    if (!box?.proposed) return this.select(this.boxes.find(other => other.proposed)?.id ?? this.selection, true);
    const next = this.nextProposed(box);
    this.edit(this.replaced({ ...box, proposed: false }), next?.id ?? box.id);
    this.say(`Accepted: ${box.class}`);
    if (next) this.stage.reveal(next);
  }

  acceptAll() {
    this.edit(this.boxes.map(box => (box.proposed ? { ...box, proposed: false } : box)));
  }

  /** The picture is seen, and nothing is there; what was proposed on it is rejected. */
  nothing() {
    const record = this.record;
    if (!record?.loaded) return;
    if (this.boxes.some(box => !box.proposed)) return this.showProblem("There are boxes on this picture: delete them first, or leave them; it counts as seen.");
    if (this.boxes.length) this.edit([], null);
    record.marked = true;
    this.sync.changed(record, true);
    this.say("Nothing on this picture");
    this.step(1);
  }

  relabel(name) {
    const box = this.selected;
    if (box && (box.class !== name || box.proposed)) this.edit(this.replaced({ ...box, class: name, proposed: false }));
  }

  nudge(dx, dy) {
    const box = this.selected;
    if (!box || this.stage.drag) return;
    const { width, height } = this.stage.size;
    const sides = this.nudges ? resized(box, this.nudges, dx, dy, width, height) : moved(box, dx, dy, width, height);
    const last = this.record.undo.at(-1);
    const goesOn = last?.nudged === box.id && Date.now() - last.time < 700 && last.what === this.nudges;
    const before = goesOn ? last.before : [box];
    this.edit(this.replaced({ ...box, ...sides, proposed: false }));
    // A row of quick nudges is one step.
    const { undo } = this.record;
    if (!undo.length || undo.at(-1) === last) return;
    Object.assign(undo.at(-1), { nudged: box.id, what: this.nudges, before });
    if (goesOn) undo.splice(-2, 1);
  }

  turn(from, to, way) {
    const record = this.record;
    const step = record?.[from].pop();
    if (!step) return;
    this.stage.abandon();
    const [base, mine] = way < 0 ? [step.after, step.before] : [step.before, step.after];
    record.boxes = merge(base, mine, record.boxes, step.places);
    record[to].push({ ...step, time: 0 });
    this.edited(record, true, mine.length === 1 ? mine[0].id : null);
  }

  undo() {
    this.turn("undo", "redo", -1);
  }

  redo() {
    this.turn("redo", "undo", 1);
  }

  /** Copies the boxes of the picture before this one, once they are known. */
  async copyPrevious() {
    const at = this.order.indexOf(this.current);
    const [previous, current] = [this.order[at - 1], this.current];
    if (previous === undefined) return this.say("There is no previous picture");
    const record = this.sync.open(previous);
    for (let tries = 0; !record.loaded && tries < 50; tries++) await new Promise(done => setTimeout(done, 100));
    if (!record.loaded || this.current !== current || !this.record.loaded) return;
    const { width, height } = this.stage.size;
    const copies = record.boxes.filter(box => !box.proposed).map(box => within(box, width, height)).filter(Boolean);
    const fresh = copies.map(({ class: name, left, top, right, bottom }) => ({ id: random(), class: name, left, top, right, bottom, proposed: false, score: null }));
    this.edit([...this.boxes, ...fresh], null);
    this.say(`Copied ${plural(fresh.length, "box")}`);
  }

  toggleOver() {
    this.drawsOver = !this.drawsOver;
    this.overButton.setAttribute("aria-pressed", String(this.drawsOver));
  }

  // -- panels --

  showBoxes() {
    const boxes = this.boxes;
    const record = this.record;
    const automatic = boxes.filter(box => box.proposed).length;
    this.boxHead.textContent = `Boxes: ${boxes.length - automatic}${automatic ? `, ${automatic} automatic` : ""}`;
    this.boxList.show(boxes.length, boxes.findIndex(box => box.id === this.selection));
    this.undoButton.disabled = !record?.undo.length;
    this.redoButton.disabled = !record?.redo.length;
    this.deleteButton.disabled = !this.selected;
    this.acceptButton.disabled = !automatic;
    const box = this.selected;
    const what = this.nudges ? ` · Alt+arrows move the ${this.nudges === "se" ? "right and bottom" : "left and top"} sides` : "";
    this.info.textContent = box ? `${this.describe(box)}${what}` : "";
    this.stage.paint();
  }

  fillBox(row, box, at) {
    if (!box) return;
    const mark = h("span", { className: `cwa-mark${box.proposed ? " cwa-dashed" : ""}` });
    mark.style.setProperty("--cwa-color", this.colorOf(box.class));
    const score = box.proposed && box.score != null ? box.score.toFixed(2) : "";
    row.append(mark, h("span", { className: "cwa-text", textContent: box.class }), h("span", { className: "cwa-score", textContent: score }));
    row.setAttribute("aria-label", `Box ${at + 1}: ${this.describe(box)}`);
  }

  /** The classes that fit what is typed; those with it at their start come first. */
  foundClasses() {
    const typed = this.classBox.value.trim().toLowerCase();
    const all = this.sync.classes.map((name, at) => ({ name, at }));
    const found = all.filter(({ name }) => name.toLowerCase().includes(typed));
    if (typed) found.sort((one, other) => other.name.toLowerCase().startsWith(typed) - one.name.toLowerCase().startsWith(typed));
    return found.slice(0, 200);
  }

  newClass() {
    const typed = this.classBox.value.trim();
    return typed && !this.sync.classes.includes(typed) ? typed : null;
  }

  showClasses() {
    if (!this.classList) return;
    if (!this.sync.classes.includes(this.className)) this.className = this.sync.classes[0] ?? "";
    const rows = this.foundClasses().map(({ name, at }) => this.classRow(name, at));
    const fresh = this.newClass();
    if (fresh) rows.push(h("div", { className: "cwa-class cwa-new", role: "option", textContent: `+ add “${fresh}”` }));
    const typing = this.root?.contains(this.classBox) && this.el.ownerDocument.activeElement === this.classBox;
    this.classAt = clamp(this.classAt || 0, 0, rows.length - 1);
    rows.forEach((row, at) => {
      row.id = `${this.classList.id}-${at}`;
      row.classList.toggle("cwa-ahead", typing && at === this.classAt);
    });
    this.classList.replaceChildren(...rows);
    if (typing && rows.length) {
      this.classBox.setAttribute("aria-activedescendant", rows[this.classAt].id);
      this.scrollTo(rows[this.classAt]);
    } else this.classBox.removeAttribute("aria-activedescendant");
    this.stage?.paint();
  }

  scrollTo(row) {
    const list = this.classList;
    list.scrollTop = clamp(list.scrollTop, row.offsetTop + row.offsetHeight - list.clientHeight, row.offsetTop);
  }

  classRow(name, at) {
    const mark = h("span", { className: "cwa-mark" });
    mark.style.setProperty("--cwa-color", this.colorOf(name));
    const row = h("div", { className: "cwa-class", role: "option", title: name }, mark, h("span", { className: "cwa-text", textContent: name }));
    row.dataset.name = name;
    row.setAttribute("aria-selected", String(name === (this.selected?.class ?? this.className)));
    if (at < 9) row.append(h("kbd", { textContent: at + 1 }));
    return row;
  }

  /** The class for what is drawn from now on, and for the selected box. */
  chooseClass(name) {
    if (name === undefined) return;
    this.className = name;
    const waiting = this.waiting;
    this.waiting = null;
    if (waiting && waiting.picture === this.record?.id) this.add(waiting.sides);
    else this.relabel(name);
    this.classBox.value = "";
    this.classAt = 0;
    this.showProblem("");
    this.showClasses();
    this.say(`Class ${name}`);
  }

  takeClass(row) {
    if (!row) return;
    const name = row.dataset.name ?? this.newClass();
    if (row.dataset.name === undefined) this.sync.addClass(name);
    this.chooseClass(name);
    this.focus();
  }

  classClick(event) {
    this.takeClass(event.target.closest(".cwa-class"));
  }

  classKey(event) {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (way) {
      event.preventDefault();
      this.classAt = (this.classAt || 0) + way;
      this.showClasses();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      event.stopPropagation();
      // Blanks name no class.
      if (this.classBox.value && !this.classBox.value.trim()) return;
      this.takeClass(this.classList.children[this.classAt || 0]);
    }
  }

  editField(name, value) {
    const record = this.record;
    if (!record?.loaded) return;
    record.fields = { ...record.fields, [name]: value };
    this.sync.changed(record, false);
  }

  leaveFields() {
    if (this.record?.loaded) this.sync.changed(this.record, true);
  }

  showFields() {
    const record = this.record;
    for (const name of FIELDS) {
      const input = this.inputs[name];
      input.disabled = !record?.loaded;
      const value = record?.fields[name] ?? "";
      // Setting what is there already would move the text cursor.
      if (input.value !== value) input.value = value;
    }
  }

  showStatus() {
    if (!this.statusText) return;
    const { pages } = this.sync;
    this.pagesText.textContent = pages > 1 ? `open in ${pages} pages: each shows what the others change` : "";
    const [state, text] = this.sync.status();
    if (this.statusText.textContent === text) return;
    this.statusText.textContent = text;
    this.statusText.dataset.state = state;
  }

  showProblem(why) {
    this.problemText.textContent = why;
    clearTimeout(this.problemTimer);
    if (why) this.problemTimer = setTimeout(() => (this.problemText.textContent = ""), 12_000);
  }

  showZoom(scale) {
    if (this.zoomText) this.zoomText.textContent = `${scale < 0.1 ? (scale * 100).toFixed(1) : Math.round(scale * 100)} %`;
  }

  say(text) {
    this.live.textContent = text;
  }

  toggleHelp() {
    this.help.hidden = !this.help.hidden;
    this.root.classList.toggle("cwa-helped", !this.help.hidden);
    if (this.help.hidden) this.focus();
    else this.help.querySelector("button").focus();
  }

  // -- the keyboard --

  focus() {
    this.stage.element.focus({ preventScroll: true });
  }

  hasFocus() {
    return this.root.contains(this.el.ownerDocument.activeElement);
  }

  listen() {
    const { signal } = this.end;
    this.root.addEventListener("keydown", event => this.key(event), { signal });
    this.root.addEventListener("keyup", event => this.keyUp(event), { signal });
    this.root.addEventListener("keypress", event => event.stopPropagation(), { signal });
    for (const name of ["focus", "blur"]) this.classBox.addEventListener(name, () => this.showClasses(), { signal });
    window.addEventListener("pagehide", () => this.sync.keepDrafts(), { signal });
    window.addEventListener("beforeunload", event => this.page && this.sync.dirty().length && event.preventDefault(), { signal });
    this.observer = new ResizeObserver(() => (this.pictureList.draw(), this.boxList.draw()));
    this.observer.observe(this.pictureList.element);
    this.observer.observe(this.boxList.element);
  }

  /** Keys that reach the tool go no further: the notebook around it has keys of its own. */
  key(event) {
    event.stopPropagation();
    if (event.isComposing) return;
    if (!this.help.hidden) return this.helpKey(event);
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (typing) {
      if (event.key === "Escape") this.focus();
      else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") this.saveNow(event);
      return;
    }
    const pressed = event.target.tagName === "BUTTON" && ["Enter", " "].includes(event.key);
    const action = pressed ? null : this.actionFor(event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  helpKey(event) {
    if (event.key === "Escape" || event.key === "?") {
      event.preventDefault();
      this.toggleHelp();
    } else if (event.key === "Tab") event.preventDefault();
  }

  keyUp(event) {
    event.stopPropagation();
    if (event.key === " ") this.stage.holdSpace(false);
  }

  saveNow(event) {
    event.preventDefault();
    this.leaveFields();
  }

  actionFor(event) {
    const { key, shiftKey } = event;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey) {
      const letter = key.toLowerCase();
      if (event.altKey) return null;
      if (letter === "z") return () => (shiftKey ? this.redo() : this.undo());
      return { y: () => this.redo(), s: () => this.leaveFields() }[letter] ?? null;
    }
    if (event.altKey) {
      const way = arrows[key];
      const far = shiftKey ? 10 : 1;
      return way ? () => this.nudge(way[0] * far, way[1] * far) : null;
    }
    if (key === "Tab") return this.tabAction(event, shiftKey ? -1 : 1);
    if (arrows[key]) return () => this.step(arrows[key][0] + arrows[key][1]);
    if (/^[1-9]$/.test(key)) return () => this.chooseClass(this.sync.classes[Number(key) - 1]);
    const name = key.length === 1 ? key.toLowerCase() : key;
    return this.keys(shiftKey)[name] ?? null;
  }

  keys(shift) {
    return {
      Escape: () => this.stage.abandon() || this.select(null),
      Delete: () => this.remove(),
      Backspace: () => this.remove(),
      Enter: () => (shift ? this.acceptAll() : this.accept()),
      ",": () => this.step(-1),
      ".": () => this.step(1),
      Home: () => this.show(this.order[0]),
      End: () => this.show(this.order.at(-1)),
      "+": () => this.stage.zoom(1.25),
      "=": () => this.stage.zoom(1.25),
      "-": () => this.stage.zoom(1 / 1.25),
      "0": () => this.stage.fit(),
      " ": () => this.stage.holdSpace(true),
      "?": () => this.toggleHelp(),
      "/": () => this.classBox.focus(),
      c: () => this.classBox.focus(),
      t: () => this.inputs.title.focus(),
      e: () => this.nothing(),
      n: () => this.addInMiddle(),
      p: () => this.copyPrevious(),
      d: () => this.toggleOver(),
      l: () => ((this.labels = !this.labels), this.stage.paint()),
      r: () => this.turnNudges(),
    };
  }

  turnNudges() {
    this.nudges = NUDGES[(NUDGES.indexOf(this.nudges) + 1) % NUDGES.length];
    this.showBoxes();
  }

  /** Goes through the boxes; behind the last one the focus goes on, so that nobody is caught here. */
  tabAction(event, way) {
    if (event.target !== this.stage.element || !this.boxes.length) return null;
    const at = this.boxes.findIndex(box => box.id === this.selection);
    const next = at < 0 ? (way > 0 ? 0 : -1) : at + way;
    if (!this.boxes[next]) {
      this.select(null);
      return null;
    }
    return () => this.select(this.boxes[next].id, true);
  }
}

function render({ model, el }) {
  const tool = new Tool(model, el);
  return () => tool.dispose();
}

export default { render };
