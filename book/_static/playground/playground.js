// The playground's face: no framework. It shows frames drawn beforehand, and after the first touch draws by itself (engine.js).
// It is no module, so that it works on a page opened from disk too.
(() => {
  "use strict";
  if (window.dcganPlayground) return; // a page with several widgets names this script several times
  window.dcganPlayground = true;
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const { engine: engineBytes, z: shared, worlds } = window.dcganWorlds;
  const TRAY = 24;
  const VIEWS = { explore: "One picture", walk: "Walk", arithmetic: "Arithmetic", forget: "Forget", digits: "Ten digits" };
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

  // --- small tools ----------------------------------------------------------------------------------------------------

  /** An element. Keys that begin with "on" are listeners; the others are attributes, left out where false or null. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (key.startsWith("aria-")) node.setAttribute(key, value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((child) => child != null));
    return node;
  }

  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const coded = (z) =>
    btoa(String.fromCharCode(...new Uint8Array(z.buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const decoded = (text) => floats(text.replaceAll("-", "+").replaceAll("_", "/"));
  const rows = (text, width) => {
    const all = floats(text);
    return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width));
  };
  const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(1);
  const percent = (logit) => `${Math.round(100 / (1 + Math.exp(-logit)))} %`;

  function button(text, act, more = {}) {
    return el("button", { type: "button", onclick: act, ...more }, text);
  }

  /** A slider with its name before it and what it says behind it. Calls act(value) while it moves. */
  function slider(name, { min, max, step, value, say, act, start = () => {}, extra = null }) {
    const output = el("output", {}, say(value));
    const input = el("input", { type: "range", min, max, step, value, "aria-label": name, "aria-valuetext": `${name}: ${say(value)}` });
    const set = (to) => {
      input.value = to;
      output.textContent = say(+input.value);
      input.setAttribute("aria-valuetext", `${name}: ${say(+input.value)}`);
    };
    let moving = false;
    input.addEventListener("input", () => {
      if (!moving) start();
      moving = true;
      set(input.value);
      act(+input.value);
    });
    input.addEventListener("change", () => (moving = false));
    const row = el("div", { class: "dp-slider" }, el("label", {}, el("span", {}, name), input), output, extra);
    return { row, input, set };
  }

  /** A row of choices of which one is taken. */
  function choice(name, options, chosen, act) {
    const group = el("div", { class: "dp-choice", role: "group", "aria-label": name });
    for (const [key, text] of Object.entries(options)) {
      const one = button(text, () => {
        for (const other of group.children) other.setAttribute("aria-pressed", other === one);
        act(key);
      }, { "aria-pressed": key === chosen, "data-key": key });
      group.append(one);
    }
    return group;
  }

  function download(blob, name) {
    const link = el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // --- what can be drawn: frames at first, then everything ---------------------------------------------------------------

  /** A world with its numbers unpacked. */
  function unpack(world) {
    const { seeds: table, noise } = shared[world.z];
    const seeds = rows(table, world.latent).map((z, seed) => ({ z, seed, label: world.classes ? seed % world.classes : null, frame: seed }));
    const directions = world.directions.map((d) => ({ ...d, vector: floats(d.vector) }));
    return { ...world, seeds, directions, noise: floats(noise), sum: world.sum && { ...world.sum, z: rows(world.sum.z, world.latent) } };
  }

  const unpacked = {};
  let runtimeThere = false; // fetched by one widget, there for all
  const openWorld = (name) => (unpacked[name] ??= unpack(worlds[name]));

  /** One picture on the page, with a line below it. */
  class Picture {
    constructor(world, { alt = "", pick = null, size = "" }) {
      this.world = world;
      const named = pick ? { "aria-hidden": true } : { role: "img", "aria-label": alt }; // a button has a name of its own
      this.canvas = el("canvas", { width: world.size, height: world.size, ...named });
      this.line = el("span", { class: "dp-line" });
      const inside = pick ? button(this.canvas, () => pick(this), { class: "dp-pick" }) : this.canvas;
      this.box = el("div", { class: `dp-picture ${size}` }, inside, this.line);
    }

    describe(text) {
      this.canvas.setAttribute("aria-label", text);
    }

    say(text) {
      this.line.textContent = text;
    }

    frame(sheet, number) {
      const { size, columns } = this.world;
      const draw = () =>
        this.asked === number && this.canvas.getContext("2d").drawImage(sheet, (number % columns) * size, Math.floor(number / columns) * size, size, size, 0, 0, size, size);
      this.asked = number;
      sheet.complete && sheet.naturalWidth ? draw() : sheet.addEventListener("load", draw, { once: true });
    }

    live(picture) {
      this.asked = null;
      this.canvas.getContext("2d").putImageData(picture, 0, 0);
    }

    clear() {
      this.asked = null;
      this.canvas.getContext("2d").clearRect(0, 0, this.world.size, this.world.size);
      this.say("");
    }
  }

  /** One widget: which world and view it shows, and whether it draws yet. */
  class Widget {
    constructor(box) {
      this.box = box;
      this.names = box.dataset.runs.split(" ");
      this.views = box.dataset.views.split(" ");
      this.engine = null; // engine.js, once there
      this.loading = null;
      this.failed = null;
      this.judging = false;
      this.status = el("p", { class: "dp-status", role: "status" });
      this.body = el("div", { class: "dp-body" });
      const shared = box.hasAttribute("data-share") ? this.fromAddress() : null;
      this.world = openWorld(shared?.name ?? this.names[0]);
      this.view = shared?.view ?? this.views[0];
      const worldNames = Object.fromEntries(this.names.map((name) => [name, worlds[name].title]));
      const heads = [];
      if (this.names.length > 1) heads.push(choice("What to draw", worldNames, this.world.name, (name) => this.open(name)));
      if (this.views.length > 1) heads.push((this.tabs = el("div")));
      box.replaceChildren(...heads, this.status, this.body);
      for (const kind of ["click", "input"]) this.body.addEventListener(kind, () => this.touch(), { capture: true });
      this.open(this.world.name, shared);
      if (shared) this.touch(); // to open a shared link is to ask for its picture
    }

    open(name, shared = null) {
      this.world = openWorld(name);
      this.sheet = el("img", { src: `${here}${name}/frames.webp`, alt: "" });
      this.judging = false;
      const fits = this.views.filter((view) => (view !== "forget" || this.world.forget) && (view !== "digits" || this.world.classes));
      if (!fits.includes(this.view)) this.view = fits[0];
      this.tabs?.replaceChildren(choice("What to do", Object.fromEntries(fits.map((v) => [v, VIEWS[v]])), this.view, (v) => this.show(v)));
      this.tray = this.makeTray();
      if (this.engine && !this.loading) this.load(Promise.resolve());
      else this.tell();
      this.show(this.view, shared);
    }

    show(view, shared = null) {
      this.view = view;
      this.current = views[view](this, shared);
      const withTray = this.current.pick ? [this.tray.box] : [];
      this.body.dataset.view = view;
      this.body.replaceChildren(this.current.box, ...withTray);
      this.current.render();
    }

    get live() {
      return Boolean(this.engine && this.ready === this.world.name);
    }

    // --- loading ---

    cost(kind = "generator") {
      return (runtimeThere ? 0 : engineBytes) + (this.world.models[kind]?.bytes ?? 0);
    }

    tell() {
      const page = location.protocol === "file:";
      if (this.failed) this.status.textContent = this.failed;
      else if (page) this.status.textContent = "Opened from disk, this page shows pictures drawn beforehand. To draw new ones in the browser: make serve.";
      else if (!engineBytes) this.status.textContent = "This site was built without npm, so here are pictures drawn beforehand, and no new ones.";
      else if (this.loading) this.status.textContent = `Loading ${megabytes(this.cost())} MB …`;
      else if (this.live) this.status.textContent = "Drawn by your browser, as you move.";
      else this.status.textContent = `Drawn beforehand. Touch anything to draw in your browser: it loads ${megabytes(this.cost())} MB, once.`;
      this.box.classList.toggle("dp-frames", !this.live);
    }

    /** The first touch: from here on the engine loads. */
    touch() {
      if (this.engine || this.loading || this.failed || !engineBytes || location.protocol === "file:") return;
      this.load(import(`${here}engine.js`).then((engine) => (this.engine = engine)));
    }

    load(start) {
      this.loading = start
        .then(() => this.fetchWorld())
        .catch((error) => this.fail(error))
        .finally(() => {
          this.loading = null;
          this.tell();
          if (this.live) this.current.render();
        });
      this.tell();
    }

    async fetchWorld() {
      let world;
      do await this.engine.load((world = this.world));
      while (world !== this.world); // another one was opened meanwhile
      this.ready = world.name;
      runtimeThere = true;
    }

    fail(error) {
      this.engine = this.ready = null;
      this.failed = `This browser cannot draw here (${error.message}); the pictures were drawn beforehand.`;
      this.tell();
    }

    // --- drawing ---

    /** Draws z into pictures, one drawing at a time: of those that wait under the same key only the last is drawn. */
    draw(key, items, pictures, more = {}) {
      this.jobs ??= new Map();
      const world = this.world;
      this.jobs.set(key, async () => {
        const labels = world.classes ? items.map((item) => item.label ?? 0) : null;
        const judge = this.judging && !more.mix;
        const done = await this.engine.draw(world, items.map((item) => item.z), { ...more, labels, judge });
        if (world !== this.world) return;
        pictures.forEach((picture, i) => {
          picture.live(done.pictures[i]);
          const stage = picture.box.classList.contains("dp-stage");
          const real = done.logits && (stage ? `D: ${percent(done.logits[i])} real` : percent(done.logits[i]));
          picture.say([picture.told, real].filter(Boolean).join(stage ? " · " : " "));
        });
        this.box.dispatchEvent(new CustomEvent("drawn", { detail: key }));
      });
      return this.run();
    }

    async run() {
      if (this.running) return;
      this.running = true;
      try {
        for (let next; (next = this.jobs.entries().next().value); ) {
          this.jobs.delete(next[0]);
          await next[1]();
        }
      } catch (error) {
        this.fail(error);
      }
      this.running = false;
    }

    /** A picture of an item: its frame where it has one and nothing is drawn yet. */
    put(key, items, pictures, more = {}) {
      if (this.live && !items.some((item) => !item.z)) this.draw(key, items, pictures, more);
      else items.forEach((item, i) => item.frame == null || pictures[i].frame(this.sheet, item.frame));
    }

    fresh() {
      return { z: this.engine.sample(this.world), seed: null, label: this.world.classes ? Math.floor(Math.random() * this.world.classes) : null };
    }

    name(item) {
      const of = item.label == null ? "" : `, class ${item.label}`;
      return item.seed == null ? `a random sample${of}` : `seed ${item.seed}${of}`;
    }

    // --- the tray of samples ---

    makeTray() {
      const tray = { items: [], pictures: [], from: 0 };
      for (let i = 0; i < TRAY; i++) tray.pictures.push(new Picture(this.world, { pick: () => this.current.pick(tray.items[i]) }));
      const fill = (items) => {
        tray.items = items;
        tray.pictures.forEach((picture, i) => {
          picture.say("");
          picture.box.firstChild.setAttribute("aria-label", `Take ${this.name(items[i])}`);
          picture.box.firstChild.title = this.name(items[i]);
        });
        if (items.every((item) => item.frame != null) && !this.judging) items.forEach((item, i) => tray.pictures[i].frame(this.sheet, item.frame));
        else for (let i = 0; i < TRAY; i += 4) this.put(`tray ${i}`, items.slice(i, i + 4), tray.pictures.slice(i, i + 4));
      };
      const next = () => {
        if (this.live) return fill(Array.from({ length: TRAY }, () => this.fresh()));
        tray.from = (tray.from + TRAY) % this.world.seeds.length;
        fill(Array.from({ length: TRAY }, (_, i) => this.world.seeds[(tray.from + i) % this.world.seeds.length]));
      };
      const first = () => fill(this.world.seeds.slice((tray.from = 0), TRAY));
      const judged = this.world.models.discriminator;
      const ask = judged && el("label", { class: "dp-check" }, el("input", { type: "checkbox", onchange: (event) => this.judge(event.target.checked) }), el("span", {}, `What D says (${megabytes(judged.bytes)} MB)`));
      tray.refill = () => fill(tray.items);
      tray.box = el("section", { class: "dp-tray" },
        el("div", { class: "dp-bar" }, button("New samples", next), button("Seeds 0 to 23", first)), ask,
        el("div", { class: "dp-thumbs" }, tray.pictures.map((picture) => picture.box)));
      first();
      return tray;
    }

    async judge(on) {
      this.touch();
      await this.loading;
      if (!this.engine) return;
      if (on) {
        this.status.textContent = `Loading ${megabytes(this.world.models.discriminator.bytes)} MB …`;
        try {
          await this.engine.load(this.world, "discriminator");
        } catch (error) {
          return this.fail(error);
        }
      }
      this.judging = on;
      this.tell();
      this.tray.refill();
      this.current.render();
    }

    // --- the address ---

    fromAddress() {
      const given = new URLSearchParams(location.hash.slice(1));
      const name = given.get("g");
      if (!this.names.includes(name)) return null;
      const world = openWorld(name);
      const seed = Number(given.get("seed") ?? NaN);
      let item = world.seeds[seed] ?? null;
      if (given.has("z")) {
        try {
          const z = decoded(given.get("z"));
          if (z.length === world.latent && z.every(Number.isFinite)) item = { z, seed: null, label: null };
        } catch {
          item = null; // a link cut short
        }
      }
      if (!item) return null;
      const amounts = (given.get("d") ?? "").split(",").map(Number);
      const label = world.classes ? Math.min(world.classes - 1, Math.max(0, Number(given.get("label") ?? 0) || 0)) : null;
      return { name, view: "explore", item: { ...item, label, frame: label === item.label ? item.frame : null }, amounts };
    }
  }

  // --- the views ----------------------------------------------------------------------------------------------------------

  const views = {
    /** One picture: sliders over directions that combine. */
    explore(widget, shared) {
      const { world } = widget;
      const stage = new Picture(world, { alt: "", size: "dp-stage" });
      let state = { item: shared?.item ?? world.seeds[world.start], amounts: world.directions.map((_, k) => Math.max(-world.reach, Math.min(world.reach, shared?.amounts[k] || 0))) };
      const locked = new Set();
      const past = [];
      const keep = () => past.push({ item: state.item, amounts: [...state.amounts] });
      const place = () => {
        const terms = [state.item.z, ...world.directions.map((d) => d.vector)];
        return widget.engine.combine(terms, [1, ...state.amounts]);
      };
      const render = (moved = null) => {
        stage.told = widget.name(state.item) + (state.amounts.some(Boolean) ? ", moved" : "");
        stage.say(stage.told);
        const moves = world.directions.filter((_, k) => state.amounts[k]).map((d, _, all) => d.name);
        stage.describe(`${world.title}: ${widget.name(state.item)}${moves.length ? `, moved along ${moves.join(", ")}` : ""}`);
        if (widget.live) widget.put("stage", [{ ...state.item, z: place() }], [stage]);
        else if (moved != null) {
          // without the net, a slider shows the frames of one seed, and the others rest
          const step = Math.round(((state.amounts[moved] + world.reach) / (2 * world.reach)) * (world.steps - 1));
          state.item = world.seeds[world.start];
          state.amounts = state.amounts.map((amount, k) => (k === moved ? amount : 0));
          bars.forEach((bar, k) => k === moved || bar.set(0));
          stage.frame(widget.sheet, world.frames.directions + moved * world.steps + step);
        } else if (state.item.frame != null) stage.frame(widget.sheet, state.item.frame);
        if (widget.box.hasAttribute("data-share")) history.replaceState(null, "", address());
      };
      const address = () => {
        const parts = { g: world.name, ...(state.item.seed == null ? { z: coded(state.item.z) } : { seed: state.item.seed }) };
        if (state.item.label != null) parts.label = state.item.label;
        if (state.amounts.some(Boolean)) parts.d = state.amounts.map((amount) => +amount.toFixed(2)).join(",");
        return `${location.pathname}${location.search}#${new URLSearchParams(parts)}`;
      };
      const bars = world.directions.map((d, k) => {
        const lock = button("lock", () => {
          const on = !locked.delete(k) && Boolean(locked.add(k));
          lock.setAttribute("aria-pressed", on);
        }, { class: "dp-lock", "aria-pressed": "false", "aria-label": `Lock ${d.name}`, title: "Locked, it stays when another picture is taken and at reset" });
        return slider(d.name, { min: -world.reach, max: world.reach, step: 0.1, value: state.amounts[k], say: signed, start: keep, extra: lock, act: (value) => ((state.amounts[k] = value), render(k)) });
      });
      const settle = () => {
        bars.forEach((bar, k) => bar.set(state.amounts[k]));
        for (const one of ofClass?.children ?? []) one.setAttribute("aria-pressed", +one.dataset.key === state.item.label);
        render();
      };
      const rest = () => state.amounts.map((amount, k) => (locked.has(k) ? amount : 0));
      const take = (item) => (keep(), (state = { item, amounts: rest() }), settle());
      const say = (text) => (widget.status.textContent = text);
      const copy = async () => {
        const url = new URL(address(), location.href).href;
        history.replaceState(null, "", url);
        await navigator.clipboard?.writeText(url).then(() => say("The link is copied; it holds z."), () => say("The address above is the link; it holds z."));
      };
      const ofClass = world.classes && choice("class", Object.fromEntries(Array.from({ length: world.classes }, (_, i) => [i, String(i)])), String(state.item.label), (key) => (keep(), (state.item = { ...state.item, label: +key, frame: null }), render()));
      const classes = ofClass ? el("div", { class: "dp-bar" }, el("span", {}, "class"), ofClass) : null;
      const buttons = el("div", { class: "dp-bar" },
        button("New sample", () => take(widget.live ? widget.fresh() : world.seeds[((state.item.seed ?? 0) + 1) % world.seeds.length])),
        button("Reset", () => (keep(), (state.amounts = rest()), settle())),
        button("Undo", () => past.length && ((state = past.pop()), settle())),
        button("Copy link", copy),
        button("Save picture", () => stage.canvas.toBlob((blob) => download(blob, `${world.name}.png`))),
        button("Save z", async () => {
          const { npz } = await import(`${here}npz.js`);
          await widget.loading;
          download(npz(widget.engine ? place() : state.item.z), `${world.name}-z.npz`);
        }, { title: `An .npz for: dcgan sample ${world.name} --z FILE` }));
      const box = el("section", { class: "dp-explore" }, stage.box, el("div", { class: "dp-controls" }, bars.map((bar) => bar.row), classes, buttons));
      return { box, render, pick: take };
    },

    /** From one picture to another, straight or spherical. */
    walk(widget) {
      const { world } = widget;
      const label = world.seeds[world.walk[0]].label;
      const ends = world.walk.map((seed) => ({ ...world.seeds[seed], label }));
      const count = 2 * world.steps - 1;
      const [stage, ...marks] = [new Picture(world, { alt: "A place on the walk", size: "dp-stage" }), new Picture(world, { alt: "", size: "dp-end" }), new Picture(world, { alt: "", size: "dp-end" })];
      const strip = Array.from({ length: 9 }, (_, i) => new Picture(world, { alt: `The walk, picture ${i + 1} of 9` }));
      let [t, path, next, changed, timer] = [0, "straight", 0, false, null];
      const at = (place) => ({ z: widget.engine.walk(ends[0].z, ends[1].z, place, path), label });
      const show = () => {
        stage.told = `${Math.round(100 * t)} % of the way`;
        stage.say(stage.told);
        if (widget.live) widget.put("stage", [at(t)], [stage]);
        else if (!changed) stage.frame(widget.sheet, world.frames.walk + Math.round(t * (count - 1)));
      };
      const render = () => {
        marks.forEach((mark, i) => {
          mark.told = i ? "end" : "start";
          mark.say(mark.told);
          mark.describe(`${i ? "End" : "Start"} of the walk: ${widget.name(ends[i])}`);
          widget.put(`end ${i}`, [ends[i]], [mark]);
        });
        if (widget.live) for (let i = 0; i < 9; i += 3) widget.put(`strip ${i}`, [0, 1, 2].map((k) => at((i + k) / 8)), strip.slice(i, i + 3));
        else if (!changed) strip.forEach((picture, i) => picture.frame(widget.sheet, world.frames.walk + 2 * i));
        show();
      };
      const move = slider("place", { min: 0, max: 1, step: 0.01, value: 0, say: (v) => `${Math.round(100 * v)} %`, act: (value) => ((t = value), show()) });
      const play = button("Play", () => {
        if (timer) return (clearInterval(timer), (timer = null), (play.textContent = "Play"));
        play.textContent = "Stop";
        timer = setInterval(() => {
          if (!play.isConnected) return clearInterval(timer);
          t = t >= 1 ? 0 : Math.min(1, t + 0.02);
          move.set(t);
          show();
        }, 80);
      });
      const which = choice("Which end the samples below replace", { 0: "Pick the start", 1: "Pick the end" }, "0", (key) => (next = +key));
      const ways = choice("The way", { straight: "Straight", spherical: "Spherical" }, path, (key) => ((path = key), render()));
      const take = (item) => ((ends[next] = { ...item, label }), (changed = true), render());
      const swap = button("Turn round", () => (ends.reverse(), (changed = true), render()));
      const box = el("section", { class: "dp-explore" }, stage.box, el("div", { class: "dp-controls" }, move.row, el("div", { class: "dp-bar" }, play, ways, swap), el("div", { class: "dp-bar" }, marks.map((m) => m.box), which)), el("div", { class: "dp-strip" }, strip.map((p) => p.box)));
      return { box, render, pick: take };
    },

    /** Fig 7 with one's own picks. */
    arithmetic(widget) {
      const { world } = widget;
      const label = world.classes ? 0 : null;
      const names = world.sum?.terms ?? ["first term", "second term", "third term"];
      const first = world.frames.terms;
      const picks = names.map((_, k) => [0, 1, 2].map((i) => (world.sum ? { z: world.sum.z[3 * k + i], seed: null, label, frame: first + 3 * k + i } : null)));
      const weights = [1, -1, 1];
      let [active, changed] = [0, false];
      const slots = names.map((name, k) => [0, 1, 2].map((i) => new Picture(world, { pick: () => ((active = k), (picks[k][i] = null), (changed = true), render()) })));
      const means = names.map((name) => new Picture(world, { alt: `The mean of: ${name}` }));
      const nine = Array.from({ length: 9 }, (_, i) => new Picture(world, { alt: i === 4 ? "The sum" : "A neighbour of the sum" }));
      const pixels = new Picture(world, { alt: "The same sum, pixel by pixel" });
      const said = el("p", { class: "dp-hint" });
      const columns = names.map((name, k) => el("div", { class: "dp-term" }, button(`${["", "− ", "+ "][k]}${name}`, () => ((active = k), render()), { class: "dp-name" }), slots[k].map((s) => s.box), el("span", { class: "dp-line" }, "their mean"), means[k].box));
      const render = () => {
        columns.forEach((column, k) => column.firstChild.setAttribute("aria-pressed", k === active));
        slots.forEach((three, k) => three.forEach((slot, i) => {
          const item = picks[k][i];
          slot.box.firstChild.setAttribute("aria-label", item ? `${names[k]}, picture ${i + 1}: ${widget.name(item)}. Take it out` : `${names[k]}, picture ${i + 1}: empty`);
          item ? widget.put(`slot ${k} ${i}`, [item], [slot]) : slot.clear();
        }));
        const full = picks.every((three) => three.some(Boolean));
        said.textContent = full ? "Take a picture out by clicking it; samples go to the term that is marked." : `Pick pictures below for: ${names.filter((_, k) => !picks[k].some(Boolean)).join("; ")}.`;
        if (!widget.live) {
          if (changed || !world.sum) return;
          means.forEach((mean, k) => mean.frame(widget.sheet, first + 9 + k));
          nine.forEach((picture, i) => picture.frame(widget.sheet, first + 12 + i));
          return pixels.frame(widget.sheet, world.frames.pixels);
        }
        const terms = picks.map((three) => three.filter(Boolean).map((item) => item.z));
        const middles = terms.map((zs) => (zs.length ? widget.engine.mean(zs) : null));
        middles.forEach((z, k) => (z ? widget.put(`mean ${k}`, [{ z, label }], [means[k]]) : means[k].clear()));
        if (!full) return [...nine, pixels].forEach((picture) => picture.clear());
        const sum = widget.engine.nine(widget.engine.combine(middles, weights), world.noise).map((z) => ({ z, label }));
        widget.put("sum", [sum[4]], [nine[4]]);
        for (const part of [[0, 1, 2, 3], [5, 6, 7, 8]]) widget.put(`nine ${part}`, part.map((i) => sum[i]), part.map((i) => nine[i]));
        const mix = Float32Array.from(terms.flatMap((zs, k) => zs.map(() => weights[k] / zs.length)));
        widget.put("pixels", terms.flat().map((z) => ({ z, label })), [pixels], { mix });
      };
      const take = (item) => {
        const empty = picks[active].indexOf(null);
        if (empty < 0) picks[active].shift(), picks[active].push({ ...item, label });
        else picks[active][empty] = { ...item, label };
        if (!picks[active].includes(null) && picks[active + 1]?.includes(null)) active += 1;
        changed = true;
        render();
      };
      const bars = names.map((name, k) => slider(`weight of ${name}`, { min: -2, max: 2, step: 0.1, value: weights[k], say: signed, act: (value) => ((weights[k] = value), (changed = true), render()) }));
      const empty = button("Clear all", () => (picks.forEach((three) => three.fill(null)), (active = 0), (changed = true), render()));
      const box = el("section", { class: "dp-sum" },
        el("div", { class: "dp-equation" }, el("div", { class: "dp-terms" }, columns), el("span", { class: "dp-equals", "aria-hidden": "true" }, "="),
          el("div", {}, el("div", { class: "dp-nine" }, nine.map((p) => p.box)), el("span", { class: "dp-line" }, world.sum ? `should be: ${world.sum.result}` : "the sum, amid its neighbours")),
          el("div", { class: "dp-pixels" }, pixels.box, el("span", { class: "dp-line" }, "with pixels"))),
        el("details", {}, el("summary", {}, "Weights"), bars.map((bar) => bar.row)), el("div", { class: "dp-bar" }, empty), said);
      return { box, render, pick: take };
    },

    /** Feature maps dropped one after another: those that draw the object, and random ones. */
    forget(widget) {
      const { world } = widget;
      const { what, found, random, seeds } = world.forget;
      let [count, changed] = [0, false];
      const items = seeds.map((seed) => world.seeds[seed]);
      const orders = [[`maps of the ${what}`, found, "these"], ["random maps", random, "random"]];
      const rowsOf = orders.map(([name]) => items.map((_, i) => new Picture(world, { alt: `Room ${i + 1} without ${name}` })));
      const render = () => {
        const step = Math.round((count / found.length) * (world.steps - 1));
        orders.forEach(([, order], r) => {
          if (widget.live) widget.put(`forget ${r}`, items, rowsOf[r], { mask: widget.engine.dropping(world.forget, order, count) });
          else if (!changed) rowsOf[r].forEach((picture, i) => picture.frame(widget.sheet, world.frames.forgotten + (r * world.steps + step) * items.length + i));
        });
      };
      const bar = slider("maps dropped", { min: 0, max: found.length, step: 1, value: 0, say: (v) => `${v} of ${world.forget.width}`, act: (value) => ((count = value), render()) });
      const take = (item) => (items.pop(), items.unshift(item), (changed = true), render());
      const box = el("section", { class: "dp-forget" }, bar.row, orders.map(([name], r) => el("div", { class: "dp-row" }, el("span", { class: "dp-rowname" }, `without ${name}`), el("div", { class: "dp-rooms" }, rowsOf[r].map((p) => p.box)))));
      return { box, render, pick: take };
    },

    /** One z, every class. */
    digits(widget) {
      const { world } = widget;
      let item = world.seeds[world.start];
      const all = Array.from({ length: world.classes }, (_, label) => new Picture(world, { alt: `The z as a ${label}` }));
      const said = el("p", { class: "dp-hint" });
      const render = () => {
        said.textContent = `One z (${item.seed == null ? "a random sample" : `seed ${item.seed}`}), ten classes: what does the z say that the class does not?`;
        all.forEach((picture, label) => ((picture.told = String(label)), picture.say(picture.told)));
        if (widget.live) for (let i = 0; i < all.length; i += 5) widget.put(`class ${i}`, all.slice(i, i + 5).map((_, k) => ({ z: item.z, label: i + k })), all.slice(i, i + 5));
        else if (item.seed === world.start) all.forEach((picture, label) => picture.frame(widget.sheet, world.frames.classes + label));
      };
      const box = el("section", { class: "dp-digits" }, el("div", { class: "dp-ten" }, all.map((p) => p.box)), said);
      return { box, render, pick: (chosen) => ((item = chosen), render()) };
    },
  };

  for (const box of document.querySelectorAll(".dcgan-playground")) box.widget = new Widget(box);
})();
