// The playground: it shows frames drawn beforehand, and after the first touch draws by itself (engine.js).
(() => {
  "use strict";
  const { here, el, button, choice, press, Picture, openWorld, decoded, percent, views } = window.dcganPlayground;
  const { engine: engineBytes, worlds } = window.dcganWorlds;
  const TRAY = 24;
  const VIEWS = { explore: "One picture", walk: "Walk", arithmetic: "Arithmetic", forget: "Forget", digits: "Ten digits" };
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  let runtimeThere = false; // fetched by one widget, there for all
  let tries = 0; // a browser remembers that an import failed, so the next one asks under another address

  /** One widget: which world and view it shows, and whether it draws yet. */
  class Widget {
    constructor(box) {
      this.box = box;
      this.names = box.dataset.runs.split(" ");
      this.views = box.dataset.views.split(" ");
      this.engine = null; // engine.js, once there
      this.loading = null;
      this.failed = null; // why nothing is drawn
      this.final = false; // whether to try again would be in vain
      this.judging = false;
      this.acted = false; // until the reader has, the address is left alone
      this.status = el("p", { class: "dp-status", role: "status" });
      this.body = el("div", { class: "dp-body" });
      const shared = box.hasAttribute("data-share") ? this.fromAddress() : null;
      this.world = openWorld(shared?.name ?? this.names[0]);
      this.view = shared?.view ?? this.views[0];
      const worldNames = Object.fromEntries(this.names.map((name) => [name, worlds[name].title]));
      const heads = [];
      this.which = choice("What to draw", worldNames, this.world.name, (name) => this.open(name));
      if (this.names.length > 1) heads.push(this.which);
      if (this.views.length > 1) heads.push((this.tabs = el("div")));
      box.replaceChildren(...heads, this.status, this.body);
      for (const kind of ["click", "input"]) this.body.addEventListener(kind, () => this.touch(), { capture: true });
      this.open(this.world.name, shared);
      if (shared) this.touch(); // to open a shared link is to ask for its picture
      if (!box.hasAttribute("data-share")) return;
      window.addEventListener("hashchange", () => {
        const given = this.fromAddress();
        if (!given) return;
        this.view = given.view;
        this.open(given.name, given);
        this.touch();
      });
    }

    open(name, shared = null) {
      this.world = openWorld(name);
      this.kept = {}; // the views of this world, as the reader left them
      press(this.which, name);
      this.sheet = el("img", { src: `${here}${name}/frames.webp`, alt: "" });
      this.judging = false;
      const fits = this.views.filter(
        (view) => (view !== "forget" || this.world.forget) && (view !== "digits" || this.world.classes),
      );
      if (!fits.includes(this.view)) this.view = fits[0];
      this.tabs?.replaceChildren(
        choice("What to do", Object.fromEntries(fits.map((v) => [v, VIEWS[v]])), this.view, (v) => this.show(v)),
      );
      this.tray = this.makeTray();
      if (this.engine && !this.loading) this.load(Promise.resolve());
      else this.tell();
      this.show(this.view, shared);
    }

    show(view, shared = null) {
      this.view = view;
      this.current = this.kept[view] ??= views[view](this, shared);
      const withTray = this.current.pick ? [this.tray.box] : [];
      this.body.dataset.view = view;
      this.body.replaceChildren(this.current.box, ...withTray);
      this.current.render();
    }

    get live() {
      return Boolean(this.engine && this.ready === this.world.name);
    }

    /** Says so, and is true, where nothing new can be drawn: neither now nor once the net has come. */
    refuse() {
      if (this.live || this.loading) return false;
      this.status.textContent = "Not without the net: drawn beforehand there is only what you see.";
      return true;
    }

    // --- loading ---

    cost(kind = "generator") {
      return (runtimeThere ? 0 : engineBytes) + (this.world.models[kind]?.bytes ?? 0);
    }

    tell() {
      const page = location.protocol === "file:";
      if (this.failed) this.status.textContent = this.failed;
      else if (page)
        this.status.textContent =
          "Opened from disk, this page shows pictures drawn beforehand. To draw new ones in the browser: make serve.";
      else if (!engineBytes)
        this.status.textContent = "This site was built without npm, so here are pictures drawn beforehand, and no new ones.";
      else if (this.loading) this.status.textContent = `Loading ${megabytes(this.cost())} MB …`;
      else if (this.live) this.status.textContent = "Drawn by your browser, as you move.";
      else
        this.status.textContent = `Drawn beforehand. Touch anything to draw in your browser: it loads ${megabytes(this.cost())} MB, once.`;
      this.box.classList.toggle("dp-frames", !this.live);
    }

    /** The first touch: from here on the engine loads. */
    touch() {
      if (this.engine || this.loading || this.final || !engineBytes || location.protocol === "file:") return;
      this.failed = null;
      const fetched = import(`${here}engine.js${tries ? `?again=${tries}` : ""}`).catch(() => {
        tries++;
        throw new Error("engine.js could not be loaded");
      });
      this.load(fetched.then((engine) => (this.engine = engine)));
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
      this.final = !error.message.endsWith("could not be loaded");
      this.failed = this.final
        ? `This browser cannot draw here (${error.message}); the pictures were drawn beforehand.`
        : `Drawn beforehand: ${error.message}. Touch anything to try again.`;
      this.tell();
    }

    // --- drawing ---

    /** Draws z into pictures, one drawing at a time: of those that wait under the same key only the last is drawn. */
    draw(key, items, pictures, more = {}) {
      this.jobs ??= new Map();
      const world = this.world;
      const token = {};
      for (const picture of pictures) picture.asked = token;
      this.jobs.set(key, async () => {
        if (world !== this.world || pictures.every((picture) => picture.asked !== token)) return;
        const labels = world.classes ? items.map((item) => item.label ?? 0) : null;
        const judge = this.judging && !more.mix;
        const done = await this.engine.draw(
          world,
          items.map((item) => item.z),
          { ...more, labels, judge },
        );
        if (world !== this.world) return;
        pictures.forEach((picture, i) => {
          if (picture.asked !== token) return; // it shows something else by now
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
        while (this.jobs.size) {
          const key = this.jobs.has("stage") ? "stage" : this.jobs.keys().next().value; // what is being moved goes first
          const job = this.jobs.get(key);
          this.jobs.delete(key);
          await job();
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
      return {
        z: this.engine.sample(this.world),
        seed: null,
        label: this.world.classes ? Math.floor(Math.random() * this.world.classes) : null,
      };
    }

    name(item) {
      const of = item.label == null ? "" : `, class ${item.label}`;
      return item.seed == null ? `a random sample${of}` : `seed ${item.seed}${of}`;
    }

    // --- the tray of samples ---

    makeTray() {
      const tray = { items: [], pictures: [], from: 0 };
      for (let i = 0; i < TRAY; i++)
        tray.pictures.push(new Picture(this.world, { pick: () => this.current.pick(tray.items[i]) }));
      const fill = (items) => {
        tray.items = items;
        tray.pictures.forEach((picture, i) => {
          picture.say("");
          picture.box.firstChild.setAttribute("aria-label", `Take ${this.name(items[i])}`);
          picture.box.firstChild.title = this.name(items[i]);
        });
        if (items.every((item) => item.frame != null) && !this.judging)
          items.forEach((item, i) => tray.pictures[i].frame(this.sheet, item.frame));
        else for (let i = 0; i < TRAY; i += 4) this.put(`tray ${i}`, items.slice(i, i + 4), tray.pictures.slice(i, i + 4));
      };
      const next = () => {
        if (this.live) return fill(Array.from({ length: TRAY }, () => this.fresh()));
        tray.from = (tray.from + TRAY) % this.world.seeds.length;
        fill(Array.from({ length: TRAY }, (_, i) => this.world.seeds[(tray.from + i) % this.world.seeds.length]));
      };
      const first = () => fill(this.world.seeds.slice((tray.from = 0), TRAY));
      const judged = this.world.models.discriminator;
      const ask =
        judged &&
        engineBytes > 0 &&
        location.protocol !== "file:" &&
        el(
          "label",
          { class: "dp-check" },
          el("input", { type: "checkbox", onchange: (event) => this.judge(event.target) }),
          el("span", {}, `What D says (${megabytes(judged.bytes)} MB)`),
        );
      tray.refill = () => fill(tray.items);
      tray.box = el(
        "section",
        { class: "dp-tray" },
        el("div", { class: "dp-bar" }, button("New samples", next), button("Seeds 0 to 23", first)),
        ask,
        el(
          "div",
          { class: "dp-thumbs" },
          tray.pictures.map((picture) => picture.box),
        ),
      );
      first();
      return tray;
    }

    async judge(box) {
      const [world, on] = [this.world, box.checked];
      const asked = () => world === this.world && box.checked === on; // another world, or another click, came meanwhile
      this.touch();
      await this.loading;
      if (!this.engine) return void (box.checked = false);
      if (on && asked()) {
        this.status.textContent = `Loading ${megabytes(world.models.discriminator.bytes)} MB …`;
        try {
          await this.engine.load(world, "discriminator");
        } catch (error) {
          box.checked = false;
          return void (this.status.textContent = `D: ${error.message}.`);
        }
      }
      if (!asked()) return;
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

  for (const box of document.querySelectorAll(".dcgan-playground")) box.widget = new Widget(box);
})();
