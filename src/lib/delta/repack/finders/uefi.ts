import { type ImageBytes, MAX_VIEW_BYTES } from '../../image/image-bytes.js';
import type { FoundStream, StreamFinder } from '../stream-finder.js';

/** EE4E5898-3914-4259-9D6E-DC7BD79403CF, as sections have it: what follows is an LZMA stream with its header. */
const LZMA_GUID = Buffer.from('98584eee143959429d6edc7bd79403cf', 'hex');
/** D42AE6BD-1352-4BFB-909A-CA72A6EAE889: the same, of content whose x86 branches were made absolute. */
const LZMA_F86_GUID = Buffer.from('bde62ad45213fb4b909aca72a6eae889', 'hex');

const GUID_DEFINED = 2;
const SIZE_BYTES = 3;
/** In place of a size: it stands, in 32 bits, behind the common header. */
const LARGE_SECTION = 0xffffff;
const COMMON_HEADER_BYTES = 4;
const LARGE_HEADER_BYTES = 8;
/** GUID, offset of the data and attributes. */
const GUID_HEADER_BYTES = 20;
const LZMA_HEADER_BYTES = 13;

/**
 * Firmware volumes of UEFI: sections that are LZMA-compressed, wherever they are in an image.
 *
 * The GUID alone leads to them, as its 16 bytes occur nowhere else; so the volumes and files around
 * may be nested, in capsules, or of a layout of some vendor. Sections of the other compressions
 * (EFI 1.1, Tiano) stay as they are.
 *
 * @see UEFI Platform Initialization 1.8, volume 3, 3.2.5 (sections); EDK2, MdeModulePkg/Include/Guid/LzmaDecompress.h
 */
export const uefi = {
  name: 'uefi',
  *find(image: ImageBytes): Generator<FoundStream> {
    for (const guid of [LZMA_GUID, LZMA_F86_GUID]) {
      for (const at of placesOf(image, guid)) {
        const found = sectionAt(image, at);
        if (found !== undefined) yield found;
      }
    }
  },
} satisfies StreamFinder;

function* placesOf(image: ImageBytes, needle: Buffer): Generator<number> {
  const step = MAX_VIEW_BYTES - needle.length + 1;
  for (let start = 0; start < image.size; start += step) {
    const view = image.view(start, Math.min(MAX_VIEW_BYTES, image.size - start));
    const bytes = Buffer.from(view.buffer, view.byteOffset, view.length);
    const places: number[] = []; // the view is gone once a place was looked at
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) places.push(start + at);
    yield* places;
  }
}

/** @param guidAt where the section's GUID is */
function sectionAt(image: ImageBytes, guidAt: number): FoundStream | undefined {
  return streamOf(image, guidAt, COMMON_HEADER_BYTES) ?? streamOf(image, guidAt, LARGE_HEADER_BYTES);
}

function streamOf(image: ImageBytes, guidAt: number, headerBytes: number): FoundStream | undefined {
  const start = guidAt - headerBytes;
  if (start < 0 || guidAt + GUID_HEADER_BYTES > image.size) return undefined;
  const bytes = image.view(start, headerBytes + GUID_HEADER_BYTES);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = header.getUint16(0, true) | (header.getUint8(2) << 16);
  const isLarge = headerBytes === LARGE_HEADER_BYTES;
  if (header.getUint8(SIZE_BYTES) !== GUID_DEFINED || (size === LARGE_SECTION) !== isLarge) return undefined;
  const sectionBytes = isLarge ? header.getUint32(COMMON_HEADER_BYTES, true) : size;
  const dataAt = header.getUint16(headerBytes + 16, true);
  if (dataAt < headerBytes + GUID_HEADER_BYTES || start + sectionBytes > image.size) return undefined;
  const packedBytes = sectionBytes - dataAt;
  if (packedBytes <= LZMA_HEADER_BYTES) return undefined;
  return { codec: 'lzma-sdk', otherwise: 'lzma-parse', at: start + dataAt, packedBytes, isExact: true };
}
