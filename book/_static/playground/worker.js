// Draws in a thread of its own, so that the page never waits: onnxruntime-web (wasm, one thread) and the nets that were asked for.

const sessions = new Map(); // "faces/generator" -> the net
let runtime = null;
let tries = 0; // a browser remembers that an import failed, so the next one asks under another address

async function start() {
  const again = tries++ ? `?again=${tries}` : "";
  const ort = await import(`./ort/ort.wasm.bundle.min.mjs${again}`).catch(() => {
    throw new Error("the runtime could not be loaded");
  });
  ort.env.wasm.numThreads = 1; // static hosts send no headers that would allow more
  ort.env.wasm.wasmBinary = await fetched("./ort/ort-wasm-simd-threaded.wasm.gz");
  return ort;
}

async function fetched(path) {
  const answer = await fetch(new URL(path, import.meta.url)).catch(() => null);
  const bytes = answer?.ok && (await answer.arrayBuffer().catch(() => null)); // the connection may break on the way
  if (!bytes) throw new Error(`${path} could not be loaded`);
  const head = new Uint8Array(bytes, 0, 2);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return bytes; // some servers unpack .gz on the way
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function session(world, kind) {
  const key = `${world}/${kind}`;
  runtime ??= start().catch((error) => {
    runtime = null; // so that the next touch tries again
    throw error;
  });
  if (!sessions.has(key)) {
    const [ort, bytes] = await Promise.all([runtime, fetched(`./${key}.onnx`)]);
    sessions.set(key, await ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ["wasm"] }));
  }
  return [await runtime, sessions.get(key)];
}

// z: count x latent numbers in one Float32Array. labels: Int32Array or null. mask: one number for each map, or null.
// mix: null, or rows x count weights: then sums of the pictures are shown in their place. judge: also what D says.
async function draw({ world, z, count, labels, mask, mix, judge }) {
  const [ort, generator] = await session(world.name, "generator");
  const feeds = { z: new ort.Tensor("float32", z, [count, world.latent]) };
  if (labels) feeds.labels = new ort.Tensor("int32", labels, [count]);
  if (world.forget) {
    const kept = mask ?? new Float32Array(world.forget.width).fill(1);
    feeds.mask = new ort.Tensor("float32", kept, [kept.length]);
  }
  let { images } = await generator.run(feeds);
  let logits = null;
  if (judge) {
    const [, discriminator] = await session(world.name, "discriminator");
    const asked = labels ? { images, labels: feeds.labels } : { images };
    logits = (await discriminator.run(asked)).logit.data.slice();
  }
  const values = mix ? mixed(images.data, mix, count, world.low) : images.data;
  return { pixels: rgba(values, world), logits };
}

function mixed(images, mix, count, low) {
  const each = images.length / count;
  const sums = new Float32Array((mix.length / count) * each);
  for (let row = 0; row < mix.length / count; row++)
    for (let i = 0; i < each; i++) {
      let sum = 0;
      for (let k = 0; k < count; k++) sum += mix[row * count + k] * images[k * each + i];
      sums[row * each + i] = Math.min(1, Math.max(low, sum));
    }
  return sums;
}

// N x channels x size x size in [low, 1] -> N x size x size x 4 bytes, as a canvas takes them
function rgba(values, { size, channels, low }) {
  const area = size * size;
  const pixels = new Uint8ClampedArray((values.length / channels) * 4);
  for (let n = 0; n < values.length / (channels * area); n++)
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) {
        const value = values[(n * channels + (channels === 3 ? c : 0)) * area + i];
        pixels[(n * area + i) * 4 + c] = ((value - low) / (1 - low)) * 255; // rounds half to even, as PyTorch does
      }
      pixels[(n * area + i) * 4 + 3] = 255;
    }
  return pixels;
}

self.onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    const done = task === "draw" ? await draw(given) : await session(given.world, given.kind).then(() => ({}));
    self.postMessage({ id, ...done }, done.pixels ? [done.pixels.buffer] : []);
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};
