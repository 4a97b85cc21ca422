// NumPy's .npz with one array, as `dcgan sample --z` reads it: a zip, not compressed, that holds z.npy.

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function npy(z) {
  const start = `{'descr': '<f4', 'fortran_order': False, 'shape': (1, ${z.length}), }`;
  const header = start.padEnd(128 - 10 - 1) + "\n"; // magic, version and length take 10 bytes; all is a multiple of 64
  const bytes = new Uint8Array(128 + 4 * z.length);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  const view = new DataView(bytes.buffer);
  z.forEach((value, i) => view.setFloat32(128 + 4 * i, value, true));
  return bytes;
}

export function npz(z) {
  const [name, content] = [new TextEncoder().encode("z.npy"), npy(z)];
  const parts = [];
  const numbers = (...pairs) => {
    const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [size]) => sum + size, 0)));
    let at = 0;
    for (const [size, value] of pairs) {
      size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true);
      at += size;
    }
    parts.push(new Uint8Array(view.buffer));
  };
  // version, flags, no compression, time, date (1 January 1980), checksum, both sizes, lengths of name and extra field
  const about = [
    [2, 20],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 33],
    [4, crc32(content)],
    [4, content.length],
    [4, content.length],
    [2, name.length],
    [2, 0],
  ];
  numbers([4, 0x04034b50], ...about);
  parts.push(name, content);
  const directory = 30 + name.length + content.length;
  numbers([4, 0x02014b50], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, 0]);
  parts.push(name);
  numbers([4, 0x06054b50], [2, 0], [2, 0], [2, 1], [2, 1], [4, 46 + name.length], [4, directory], [2, 0]);
  return new Blob(parts, { type: "application/zip" });
}
