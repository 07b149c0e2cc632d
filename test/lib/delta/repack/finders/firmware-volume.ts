/** A GUID-defined section with an LZMA stream, as EDK2's GenFfs writes it. */
export function lzmaSection(stream: Uint8Array, { f86 = false } = {}): Buffer {
  const guid = Buffer.from(f86 ? 'bde62ad45213fb4b909aca72a6eae889' : '98584eee143959429d6edc7bd79403cf', 'hex');
  const isLarge = stream.length + 24 >= 0xffffff;
  const common = Buffer.alloc(isLarge ? 8 : 4);
  const size = common.length + 20 + stream.length;
  common.writeUIntLE(isLarge ? 0xffffff : size, 0, 3);
  common[3] = 2;
  if (isLarge) common.writeUInt32LE(size, 4);
  const header = Buffer.alloc(20);
  header.set(guid);
  header.writeUInt16LE(common.length + header.length, 16);
  header.writeUInt16LE(1, 18); // processing required
  return Buffer.concat([common, header, stream]);
}

/** A firmware volume with one file that has these sections, and free space after it. */
export function firmwareVolume(sections: Buffer[]): Buffer {
  const body = Buffer.concat(sections.map(aligned));
  const file = Buffer.alloc(24);
  file.fill(0x46, 0, 16); // its name, any GUID
  file[18] = 0x0b; // a volume image
  file.writeUIntLE(file.length + body.length, 20, 3);
  file[23] = 0xf8;
  const header = Buffer.alloc(72);
  Buffer.from('78e58c8c3d8a1c4f9935896185c32dd3', 'hex').copy(header, 16); // FFS version 2
  header.write('_FVH', 40);
  header.writeUInt16LE(header.length, 48);
  const volume = Buffer.concat([header, file, body, Buffer.alloc(512, 0xff)]);
  volume.writeBigUInt64LE(BigInt(volume.length), 32);
  return volume;
}

function aligned(section: Buffer): Buffer {
  return Buffer.concat([section, Buffer.alloc(-section.length & 3)]);
}
