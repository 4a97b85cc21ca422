// The playground's experiments: arithmetic with picks (paper, Fig 7), feature maps dropped (Fig 6), one z in ten classes.
(() => {
  "use strict";
  const { views, el, button, slider, Picture, signed } = window.dcganPlayground;

  Object.assign(views, {
    /** Fig 7 with one's own picks. */
    arithmetic(widget) {
      const { world } = widget;
      const label = world.classes ? 0 : null;
      const names = world.sum?.terms ?? ["first term", "second term", "third term"];
      const first = world.frames.terms;
      const picks = names.map((_, k) =>
        [0, 1, 2].map((i) => (world.sum ? { z: world.sum.z[3 * k + i], seed: null, label, frame: first + 3 * k + i } : null)),
      );
      const weights = [1, -1, 1];
      let [active, changed] = [0, false];
      const change = (act) => widget.refuse() || (act(), (changed = true), render());
      const slots = names.map((_, k) =>
        [0, 1, 2].map((i) => new Picture(world, { pick: () => change(() => ((active = k), (picks[k][i] = null))) })),
      );
      const means = names.map((name) => new Picture(world, { alt: `The mean of: ${name}` }));
      const nine = Array.from(
        { length: 9 },
        (_, i) => new Picture(world, { alt: i === 4 ? "The sum" : "A neighbour of the sum" }),
      );
      const pixels = new Picture(world, { alt: "The same sum, pixel by pixel" });
      const said = el("p", { class: "dp-hint" });
      const columns = names.map((name, k) =>
        el(
          "div",
          { class: "dp-term" },
          button(`${["", "− ", "+ "][k]}${name}`, () => ((active = k), render()), { class: "dp-name" }),
          slots[k].map((s) => s.box),
          el("span", { class: "dp-line" }, "their mean"),
          means[k].box,
        ),
      );
      const render = () => {
        columns.forEach((column, k) => column.firstChild.setAttribute("aria-pressed", k === active));
        slots.forEach((three, k) =>
          three.forEach((slot, i) => {
            const item = picks[k][i];
            slot.box.firstChild.setAttribute(
              "aria-label",
              item
                ? `${names[k]}, picture ${i + 1}: ${widget.name(item)}. Take it out`
                : `${names[k]}, picture ${i + 1}: empty`,
            );
            item ? widget.put(`slot ${k} ${i}`, [item], [slot]) : slot.clear();
          }),
        );
        const full = picks.every((three) => three.some(Boolean));
        said.textContent = full
          ? "Take a picture out by clicking it; samples go to the term that is marked."
          : `Pick pictures below for: ${names.filter((_, k) => !picks[k].some(Boolean)).join("; ")}.`;
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
        for (const part of [
          [0, 1, 2, 3],
          [5, 6, 7, 8],
        ])
          widget.put(
            `nine ${part}`,
            part.map((i) => sum[i]),
            part.map((i) => nine[i]),
          );
        const mix = Float32Array.from(terms.flatMap((zs, k) => zs.map(() => weights[k] / zs.length)));
        widget.put(
          "pixels",
          terms.flat().map((z) => ({ z, label })),
          [pixels],
          { mix },
        );
      };
      const take = (item) =>
        change(() => {
          const empty = picks[active].indexOf(null);
          if (empty < 0) (picks[active].shift(), picks[active].push({ ...item, label }));
          else picks[active][empty] = { ...item, label };
          if (!picks[active].includes(null) && picks[active + 1]?.includes(null)) active += 1;
        });
      const bars = names.map((name, k) =>
        slider(`weight of ${name}`, {
          min: -2,
          max: 2,
          step: 0.1,
          value: weights[k],
          say: signed,
          act: (value) => change(() => (weights[k] = value)) === true && bars[k].set(weights[k]),
        }),
      );
      const empty = button("Clear all", () => change(() => (picks.forEach((three) => three.fill(null)), (active = 0))));
      const box = el(
        "section",
        { class: "dp-sum" },
        el(
          "div",
          { class: "dp-equation" },
          el("div", { class: "dp-terms" }, columns),
          el("span", { class: "dp-equals", "aria-hidden": "true" }, "="),
          el(
            "div",
            {},
            el(
              "div",
              { class: "dp-nine" },
              nine.map((p) => p.box),
            ),
            el("span", { class: "dp-line" }, world.sum ? `should be: ${world.sum.result}` : "the sum, amid its neighbours"),
          ),
          el("div", { class: "dp-pixels" }, pixels.box, el("span", { class: "dp-line" }, "with pixels")),
        ),
        el(
          "details",
          {},
          el("summary", {}, "Weights"),
          bars.map((bar) => bar.row),
        ),
        el("div", { class: "dp-bar" }, empty),
        said,
      );
      return { box, render, pick: take };
    },

    /** Feature maps dropped one after another: those that draw the object, and random ones. */
    forget(widget) {
      const { world } = widget;
      const { what, found, random, seeds } = world.forget;
      let [count, changed] = [0, false];
      const items = seeds.map((seed) => world.seeds[seed]);
      const orders = [
        [`maps of the ${what}`, found, "these"],
        ["random maps", random, "random"],
      ];
      const rowsOf = orders.map(([name]) => items.map((_, i) => new Picture(world, { alt: `Room ${i + 1} without ${name}` })));
      const render = () => {
        const step = Math.round((count / found.length) * (world.steps - 1));
        orders.forEach(([, order], r) => {
          if (widget.live)
            widget.put(`forget ${r}`, items, rowsOf[r], { mask: widget.engine.dropping(world.forget, order, count) });
          else if (!changed)
            rowsOf[r].forEach((picture, i) =>
              picture.frame(widget.sheet, world.frames.forgotten + (r * world.steps + step) * items.length + i),
            );
        });
      };
      const bar = slider("maps dropped", {
        min: 0,
        max: found.length,
        step: 1,
        value: 0,
        say: (v) => `${v} of ${world.forget.width}`,
        act: (value) => ((count = value), render()),
      });
      const take = (item) => widget.refuse() || (items.pop(), items.unshift(item), (changed = true), render());
      const box = el(
        "section",
        { class: "dp-forget" },
        bar.row,
        orders.map(([name], r) =>
          el(
            "div",
            { class: "dp-row" },
            el("span", { class: "dp-rowname" }, `without ${name}`),
            el(
              "div",
              { class: "dp-rooms" },
              rowsOf[r].map((p) => p.box),
            ),
          ),
        ),
      );
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
        if (widget.live)
          for (let i = 0; i < all.length; i += 5)
            widget.put(
              `class ${i}`,
              all.slice(i, i + 5).map((_, k) => ({ z: item.z, label: i + k })),
              all.slice(i, i + 5),
            );
        else if (item.seed === world.start)
          all.forEach((picture, label) => picture.frame(widget.sheet, world.frames.classes + label));
      };
      const box = el(
        "section",
        { class: "dp-digits" },
        el(
          "div",
          { class: "dp-ten" },
          all.map((p) => p.box),
        ),
        said,
      );
      return { box, render, pick: (chosen) => widget.refuse() || ((item = chosen), render()) };
    },
  });
})();
