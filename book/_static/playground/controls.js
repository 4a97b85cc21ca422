// Small tools of the playground: elements, sliders, choices, pictures. No framework, and no modules, so that they work on a page
// opened from disk too. What the next scripts use is in `dcganPlayground`.
(() => {
  "use strict";
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const { z: shared, worlds } = window.dcganWorlds;

  /** An element. Keys that begin with "on" are listeners; the others are attributes, left out where false or null. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (key.startsWith("aria-")) node.setAttribute(key, value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((child) => child != null && child !== false));
    return node;
  }

  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const coded = (z) =>
    btoa(String.fromCharCode(...new Uint8Array(z.buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");
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
    const output = el("output", { "aria-live": "off" }, say(value)); // the slider itself says it
    const input = el("input", {
      type: "range",
      min,
      max,
      step,
      value,
      "aria-label": name,
      "aria-valuetext": `${name}: ${say(value)}`,
    });
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

  const press = (group, key) => {
    for (const one of group.children) one.setAttribute("aria-pressed", one.dataset.key === key);
  };

  /** A row of choices of which one is taken; act(key) returns false where it cannot be. */
  function choice(name, options, chosen, act) {
    const group = el("div", { class: "dp-choice", role: "group", "aria-label": name });
    for (const [key, text] of Object.entries(options)) {
      const one = button(
        text,
        () => {
          if (act(key) !== false) press(group, key);
        },
        { "aria-pressed": key === chosen, "data-key": key },
      );
      group.append(one);
    }
    return group;
  }

  function download(blob, name) {
    const link = el("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 40_000); // a phone may ask first
  }

  /** A world with its numbers unpacked. */
  function unpack(world) {
    const { seeds: table, noise } = shared[world.z];
    const seeds = rows(table, world.latent).map((z, seed) => ({
      z,
      seed,
      label: world.classes ? seed % world.classes : null,
      frame: seed,
    }));
    const directions = world.directions.map((d) => ({ ...d, vector: floats(d.vector) }));
    return {
      ...world,
      seeds,
      directions,
      noise: floats(noise),
      sum: world.sum && { ...world.sum, z: rows(world.sum.z, world.latent) },
    };
  }

  const unpacked = {};
  const openWorld = (name) => (unpacked[name] ??= unpack(worlds[name]));

  /** One picture on the page, with a line below it. asked: the frame or the drawing that it waits for; later ones win. */
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
        this.asked === number &&
        this.canvas
          .getContext("2d")
          .drawImage(sheet, (number % columns) * size, Math.floor(number / columns) * size, size, size, 0, 0, size, size);
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

  window.dcganPlayground = {
    here,
    el,
    button,
    slider,
    choice,
    press,
    download,
    Picture,
    openWorld,
    coded,
    decoded,
    signed,
    percent,
    views: {},
  };
})();
