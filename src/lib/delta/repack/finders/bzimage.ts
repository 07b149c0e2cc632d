import type { ImageBytes } from '../../image/image-bytes.js';
import type { FoundStream, StreamFinder } from '../stream-finder.js';
import { codecOfMagic } from './stream-magic.js';

/** Kernels begin where sectors do, as a whole image or as a file inside a file system. */
const SECTOR_BYTES = 512;
const SETUP_SECTORS_AT = 0x1f1;
const HEADER_MAGIC_AT = 0x202;
const PROTOCOL_AT = 0x206;
const PAYLOAD_OFFSET_AT = 0x248;
const HEADER_BYTES = 0x260;
/** The uncompressed size, appended to streams that do not tell it. */
const SIZE_TAIL_BYTES = 4;

/** Linux kernels for x86: the boot protocol's header tells where the payload lies. @see Linux, Documentation/arch/x86/boot.rst */
export const bzimage: StreamFinder = {
  name: 'bzimage',
  *find(image) {
    for (let at = 0; at + HEADER_BYTES <= image.size; at += SECTOR_BYTES) {
      const found = payloadAt(image, at);
      if (found !== undefined) yield found;
    }
  },
};

function payloadAt(image: ImageBytes, start: number): FoundStream | undefined {
  const magic = image.view(start + HEADER_MAGIC_AT, 4);
  // "HdrS"
  if (magic[0] !== 0x48 || magic[1] !== 0x64 || magic[2] !== 0x72 || magic[3] !== 0x53) return undefined;
  const bytes = image.view(start, HEADER_BYTES);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (header.getUint16(PROTOCOL_AT, true) < 0x0208) return undefined; // payload fields came with 2.08
  const setupSectors = header.getUint8(SETUP_SECTORS_AT) || 4;
  const at = start + (setupSectors + 1) * SECTOR_BYTES + header.getUint32(PAYLOAD_OFFSET_AT, true);
  const length = header.getUint32(PAYLOAD_OFFSET_AT + 4, true);
  if (length <= SIZE_TAIL_BYTES || at + length > image.size) return undefined;
  const codec = codecOfMagic(image.view(at, 8));
  return codec === undefined ? undefined : { codec, at, packedBytes: length, isExact: false };
}
