// The playground's views of single pictures. A view has a box, render(), and pick(item) for a sample that was clicked.
(() => {
  "use strict";
  const { views, here, el, button, slider, choice, press, download, Picture, coded, signed } = window.dcganPlayground;

  Object.assign(views, {
    /** One picture: sliders over directions that combine. */
    explore(widget, shared) {
      const { world } = widget;
      const stage = new Picture(world, { alt: "", size: "dp-stage" });
      let state = {
        item: shared?.item ?? world.seeds[world.start],
        amounts: world.directions.map((_, k) => Math.max(-world.reach, Math.min(world.reach, shared?.amounts[k] || 0))),
      };
      const locked = new Set();
      const past = [];
      const keep = () => (past.push({ item: state.item, amounts: [...state.amounts] }), (widget.acted = true));
      const place = ({ combine }) => combine([state.item.z, ...world.directions.map((d) => d.vector)], [1, ...state.amounts]);
      const write = () => {
        if (widget.current.box !== box || widget.world !== world) return;
        try {
          history.replaceState(null, "", address());
        } catch {
          // some browsers refuse where a page writes often; the next change writes again
        }
      };
      let written = null;
      const start = world.seeds[world.start];
      /** The frame that shows the state; null where none was drawn. */
      const framed = () => {
        const moved = state.amounts.flatMap((amount, k) => (amount ? k : []));
        if (!moved.length && state.item.frame != null) return state.item.frame;
        if (state.item.seed !== world.start || moved.length > 1) return null;
        if (!moved.length) return world.frames.classes + state.item.label;
        if (state.item.label !== start.label) return null;
        const step = Math.round(((state.amounts[moved[0]] + world.reach) / (2 * world.reach)) * (world.steps - 1));
        return world.frames.directions + moved[0] * world.steps + step;
      };
      const render = (moved = null) => {
        if (moved != null && !widget.live && !widget.loading) {
          // without the net, a slider shows the frames of one seed, and the others rest
          state.item = start;
          state.amounts = state.amounts.map((amount, k) => (k === moved ? amount : 0));
          bars.forEach((bar, k) => k === moved || bar.set(0));
          if (ofClass) press(ofClass, String(start.label));
        }
        stage.told = widget.name(state.item) + (state.amounts.some(Boolean) ? ", moved" : "");
        stage.say(stage.told);
        const moves = world.directions.filter((_, k) => state.amounts[k]).map((d, _, all) => d.name);
        stage.describe(`${world.title}: ${widget.name(state.item)}${moves.length ? `, moved along ${moves.join(", ")}` : ""}`);
        if (widget.live) widget.put("stage", [{ ...state.item, z: place(widget.engine) }], [stage]);
        else if (framed() != null) stage.frame(widget.sheet, framed());
        saveZ.title = `An .npz for: dcgan sample ${world.name} --z FILE${state.item.label == null ? "" : ` --labels ${state.item.label}`}`;
        if (!widget.acted || !widget.box.hasAttribute("data-share") || disk) return;
        clearTimeout(written);
        written = setTimeout(write, 250); // not at every step of a slider
      };
      const address = () => {
        const parts = { g: world.name, ...(state.item.seed == null ? { z: coded(state.item.z) } : { seed: state.item.seed }) };
        if (state.item.label != null) parts.label = state.item.label;
        if (state.amounts.some(Boolean)) parts.d = state.amounts.map((amount) => +amount.toFixed(2)).join(",");
        return new URL(`../../playground.html#${new URLSearchParams(parts)}`, here).href; // from a chapter, too
      };
      const bars = world.directions.map((d, k) => {
        const lock = button(
          "lock",
          () => {
            const on = !locked.delete(k) && Boolean(locked.add(k));
            lock.setAttribute("aria-pressed", on);
          },
          {
            class: "dp-lock",
            "aria-pressed": "false",
            "aria-label": `Lock ${d.name}`,
            title: "Locked, it stays when another picture is taken and at reset",
          },
        );
        return slider(d.name, {
          min: -world.reach,
          max: world.reach,
          step: 0.1,
          value: state.amounts[k],
          say: signed,
          start: keep,
          extra: lock,
          act: (value) => ((state.amounts[k] = value), render(k)),
        });
      });
      const settle = () => {
        bars.forEach((bar, k) => bar.set(state.amounts[k]));
        if (ofClass) press(ofClass, String(state.item.label));
        render();
      };
      const rest = () => state.amounts.map((amount, k) => (locked.has(k) ? amount : 0));
      const take = (item) => (keep(), (state = { item, amounts: rest() }), settle());
      const say = (text) => (widget.status.textContent = text);
      const copy = async () => {
        // a page that is not served by https has no clipboard
        await (navigator.clipboard?.writeText(address()) ?? Promise.reject()).then(
          () => say("The link is copied; it holds z."),
          () => say(`The link, which holds z: ${address()}`),
        );
      };
      const ofClass =
        world.classes &&
        choice(
          "class",
          Object.fromEntries(Array.from({ length: world.classes }, (_, i) => [i, String(i)])),
          String(state.item.label),
          (key) => {
            keep();
            if (!widget.live && !widget.loading) (state = { item: start, amounts: rest() }), settle();
            state.item = { ...state.item, label: +key, frame: null };
            render();
          },
        );
      const classes = ofClass ? el("div", { class: "dp-bar" }, el("span", {}, "class"), ofClass) : null;
      const disk = location.protocol === "file:"; // from there a browser hands out neither pictures nor modules
      const unless = (act) => () => (disk ? say("Not from disk. To save: make serve.") : act());
      const saveZ = button(
        "Save z",
        unless(async () => {
          const { npz } = await import(`${here}npz.js`);
          await widget.loading;
          const arithmetic = widget.engine ?? (await import(`${here}engine.js`)); // it adds z without a net, too
          download(npz(place(arithmetic)), `${world.name}-z.npz`);
        }),
      );
      const savePicture = unless(() => stage.canvas.toBlob((blob) => download(blob, `${world.name}.png`)));
      const buttons = el(
        "div",
        { class: "dp-bar" },
        button("New sample", () =>
          take(widget.live ? widget.fresh() : world.seeds[((state.item.seed ?? 0) + 1) % world.seeds.length]),
        ),
        button("Reset", () => (keep(), (state.amounts = rest()), settle())),
        button("Undo", () => past.length && ((state = past.pop()), settle())),
        button("Copy link", copy),
        button("Save picture", savePicture),
        saveZ,
      );
      const box = el(
        "section",
        { class: "dp-explore" },
        stage.box,
        el(
          "div",
          { class: "dp-controls" },
          bars.map((bar) => bar.row),
          classes,
          buttons,
        ),
      );
      return { box, render, pick: take };
    },

    /** From one picture to another, straight or spherical. */
    walk(widget) {
      const { world } = widget;
      const label = world.seeds[world.walk[0]].label;
      const count = 2 * world.steps - 1;
      const first = world.frames.walk; // a walk is of one class, so its ends have frames of their own
      const ends = world.walk.map((seed, i) => ({ ...world.seeds[seed], label, frame: first + i * (count - 1) }));
      const [stage, ...marks] = [
        new Picture(world, { alt: "A place on the walk", size: "dp-stage" }),
        new Picture(world, { alt: "", size: "dp-end" }),
        new Picture(world, { alt: "", size: "dp-end" }),
      ];
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
        if (widget.live)
          for (let i = 0; i < 9; i += 3)
            widget.put(
              `strip ${i}`,
              [0, 1, 2].map((k) => at((i + k) / 8)),
              strip.slice(i, i + 3),
            );
        else if (!changed) strip.forEach((picture, i) => picture.frame(widget.sheet, world.frames.walk + 2 * i));
        show();
      };
      const move = slider("place", {
        min: 0,
        max: 1,
        step: 0.01,
        value: 0,
        say: (v) => `${Math.round(100 * v)} %`,
        act: (value) => ((t = value), show()),
      });
      const play = button("Play", () => {
        const stop = () => (clearInterval(timer), (timer = null), (play.textContent = "Play"));
        if (timer) return stop();
        play.textContent = "Stop";
        timer = setInterval(() => {
          if (!play.isConnected) return stop();
          t = t >= 1 ? 0 : Math.min(1, t + 0.02);
          move.set(t);
          show();
        }, 80);
      });
      const which = choice(
        "Which end the samples below replace",
        { 0: "Pick the start", 1: "Pick the end" },
        "0",
        (key) => (next = +key),
      );
      const ways = choice("The way", { straight: "Straight", spherical: "Spherical" }, path, (key) => {
        if (widget.refuse()) return false;
        path = key;
        render();
      });
      const change = (act) => widget.refuse() || (act(), (changed = true), render());
      const take = (item) => change(() => (ends[next] = { ...item, label, frame: item.label === label ? item.frame : null }));
      const swap = button("Turn round", () => change(() => ends.reverse()));
      const box = el(
        "section",
        { class: "dp-explore" },
        stage.box,
        el(
          "div",
          { class: "dp-controls" },
          move.row,
          el("div", { class: "dp-bar" }, play, ways, swap),
          el(
            "div",
            { class: "dp-bar" },
            marks.map((m) => m.box),
            which,
          ),
        ),
        el(
          "div",
          { class: "dp-strip" },
          strip.map((p) => p.box),
        ),
      );
      return { box, render, pick: take };
    },
  });
})();
