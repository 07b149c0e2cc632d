interface Part {
  readonly fileAt: number;
  readonly address: number;
  readonly size: number;
}

/** A 64-bit little-endian ELF executable: header, program headers, nothing in its segments. */
export function elfImage({ machine, loads }: { machine: number; loads: readonly Part[] }): Uint8Array<ArrayBuffer> {
  const size = Math.max(...loads.map((load) => load.fileAt + load.size));
  const image = new Uint8Array(size);
  const view = new DataView(image.buffer);
  writeElfHeader(view, 2, machine);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, loads.length, true);
  for (const [i, load] of loads.entries()) {
    const at = 64 + i * 56;
    view.setUint32(at, 1, true);
    view.setBigUint64(at + 8, BigInt(load.fileAt), true);
    view.setBigInt64(at + 16, BigInt(load.address), true);
    view.setBigUint64(at + 32, BigInt(load.size), true);
  }
  return image;
}

/** A 64-bit little-endian ELF object file with one section of code, at 0x40. */
export function objectFile({ machine, codeBytes }: { machine: number; codeBytes: number }): Uint8Array<ArrayBuffer> {
  const tableAt = 0x40 + codeBytes;
  const image = new Uint8Array(tableAt + 2 * 64);
  const view = new DataView(image.buffer);
  writeElfHeader(view, 1, machine);
  view.setBigUint64(40, BigInt(tableAt), true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 2, true);
  view.setUint32(tableAt + 64 + 4, 1, true);
  view.setUint32(tableAt + 64 + 8, 6, true);
  view.setBigUint64(tableAt + 64 + 24, 0x40n, true);
  view.setBigUint64(tableAt + 64 + 32, BigInt(codeBytes), true);
  return image;
}

function writeElfHeader(view: DataView, type: number, machine: number): void {
  view.setUint32(0, 0x7f454c46);
  view.setUint8(4, 2);
  view.setUint8(5, 1);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
}

/** A PE32+ image at base 0. */
export function peImage(image: { machine: number; sections: readonly Part[] }): Uint8Array<ArrayBuffer> {
  const { machine, sections } = image;
  const bytes = new Uint8Array(Math.max(...sections.map((section) => section.fileAt + section.size)));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(60, 0x80, true);
  view.setUint32(0x80, 0x4550, true);
  view.setUint16(0x84, machine, true);
  view.setUint16(0x86, sections.length, true);
  view.setUint16(0x94, 0xf0, true);
  view.setUint16(0x98, 0x20b, true);
  view.setUint32(0x98 + 60, 0x400, true);
  for (const [i, section] of sections.entries()) {
    const at = 0x98 + 0xf0 + i * 40;
    view.setUint32(at + 12, section.address, true);
    view.setUint32(at + 16, section.size, true);
    view.setUint32(at + 20, section.fileAt, true);
  }
  return bytes;
}

/** An Espressif firmware image with the extended header. */
export function espFirmware(image: {
  chip: number;
  segments: readonly { address: number; size: number }[];
}): Uint8Array<ArrayBuffer> {
  const { chip, segments } = image;
  const bytes = new Uint8Array(24 + segments.reduce((sum, segment) => sum + 8 + segment.size, 0));
  const view = new DataView(bytes.buffer);
  bytes[0] = 0xe9;
  bytes[1] = segments.length;
  view.setUint16(12, chip, true);
  let at = 24;
  for (const { address, size } of segments) {
    view.setUint32(at, address, true);
    view.setUint32(at + 4, size, true);
    at += 8 + size;
  }
  return bytes;
}
