// The engine: z in, pictures out. The same arithmetic in z as dcgan_core.latent, and a worker that draws.

let worker = null;
let number = 0;
const waiting = new Map(); // number of a question -> what to do with the answer

function ask(question, moved = []) {
  if (!worker) {
    worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { id, error, ...answer } }) => {
      const [resolve, reject] = waiting.get(id);
      waiting.delete(id);
      error ? reject(new Error(error)) : resolve(answer);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      for (const [, reject] of waiting.values()) reject(new Error(event.message || "worker.js could not be loaded"));
      waiting.clear();
      worker.terminate();
      worker = null; // the next question starts another
    };
  }
  return new Promise((resolve, reject) => {
    waiting.set(++number, [resolve, reject]);
    worker.postMessage({ id: number, ...question }, moved);
  });
}

/** Fetches the runtime and one net of a world: "generator" or "discriminator". */
export async function load(world, kind = "generator") {
  if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly");
  await ask({ task: "load", world: world.name, kind });
}

/** Pictures (ImageData) of some z (Float32Array each), and D's logits where `judge` asks for them. */
export async function draw(world, zs, { labels = null, mask = null, mix = null, judge = false } = {}) {
  const z = new Float32Array(zs.length * world.latent);
  zs.forEach((one, i) => z.set(one, i * world.latent));
  const { name, latent, size, channels, low, forget } = world;
  const question = { world: { name, latent, size, channels, low, forget: forget && { width: forget.width } } };
  const answer = await ask({
    task: "draw",
    ...question,
    z,
    count: zs.length,
    labels: labels && Int32Array.from(labels),
    mask,
    mix,
    judge,
  });
  const each = 4 * size * size;
  const pictures = [];
  for (let i = 0; i < answer.pixels.length; i += each)
    pictures.push(new ImageData(answer.pixels.slice(i, i + each), size, size));
  return { pictures, logits: answer.logits };
}

/** One random z, as the nets were trained on. */
export function sample({ latent, normal }) {
  const bits = crypto.getRandomValues(new Uint32Array(2 * latent));
  const unit = (i) => (bits[i] + 0.5) / 2 ** 32;
  return Float32Array.from({ length: latent }, (_, i) =>
    normal ? Math.sqrt(-2 * Math.log(unit(2 * i))) * Math.cos(2 * Math.PI * unit(2 * i + 1)) : 2 * unit(i) - 1,
  );
}

/** The weighted sum of some z. */
export function combine(terms, weights = [1, -1, 1]) {
  return terms[0].map((_, i) => terms.reduce((sum, term, k) => sum + weights[k] * term[i], 0));
}

export const mean = (terms) =>
  combine(
    terms,
    terms.map(() => 1 / terms.length),
  );

/** The place t (0 to 1) on the way from a to b. */
export function walk(a, b, t, path = "straight") {
  if (path === "straight") return a.map((_, i) => a[i] + (b[i] - a[i]) * t);
  const dot = (x, y) => x.reduce((sum, _, i) => sum + x[i] * y[i], 0);
  const [long, end] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
  const angle = Math.max(1e-4, Math.acos(Math.min(1, Math.max(-1, dot(a, b) / (long * end)))));
  const [from, to] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  return a.map((_, i) => (from * (a[i] / long) + to * (b[i] / end)) * (long + (end - long) * t));
}

/** A z in the middle of eight neighbours (paper, Fig 7). noise: 9 x latent, 0 in the middle. */
export const nine = (z, noise) => Array.from({ length: 9 }, (_, k) => z.map((value, i) => value + noise[k * z.length + i]));

/** A mask over the maps of a layer: 0 for the first `count` of `order`. */
export function dropping({ width }, order, count) {
  const mask = new Float32Array(width).fill(1);
  for (const map of order.slice(0, count)) mask[map] = 0;
  return mask;
}
