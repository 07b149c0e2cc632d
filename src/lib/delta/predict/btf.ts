import type { ReferenceFinder, ReferenceForm, ReferenceVisitor } from './reference-form.js';
import { readWord32, writeWord32 } from './words.js';

/** Numbers of types and places of names are learned like addresses, as such beyond all segments. */
const TYPE_ADDRESS = 2 ** 49;
const NAME_ADDRESS = 2 ** 49 + 0x5000_0000;
/** No kernel has more types, or bytes of names. */
const MOST_TYPES = 2 ** 21;
const MOST_NAME_BYTES = 2 ** 24;
const MOST_SIZE_BYTES = 2 ** 24;
/** So many records must follow one another before they are believed. */
const FEWEST_RECORDS = 3;

const numbered = (base: number): ReferenceForm => ({
  bytes: 4,
  certain: true,
  read: (bytes, at) => base + (readWord32(bytes, at) >>> 0),
  write: (bytes, at, _address, target) => writeWord32(bytes, at, (target - base) | 0),
});

/** The number of a type. */
export const TYPE_NUMBER = numbered(TYPE_ADDRESS);
/** Where a name begins among the names. */
export const NAME_PLACE = numbered(NAME_ADDRESS);

/** What the words of a record, or of one of its members, are: a name, a type, or something else. */
type Words = readonly ('name' | 'type' | 'other')[];

interface Kind {
  readonly named: boolean;
  /** What the third word is: a type, or a size. */
  readonly third: 'type' | 'size';
  /** Words after the first three. */
  readonly extra?: Words;
  /** Words of each member; without them, how large the number of members may be. */
  readonly member?: Words;
  readonly mostMembers?: number;
}

const POINTER: Kind = { named: false, third: 'type' };
const COMPOSITE: Kind = { named: true, third: 'size', member: ['name', 'type', 'other'] };
const NAMED_TYPE: Kind = { named: true, third: 'type' };
const KINDS: readonly (Kind | undefined)[] = [
  undefined,
  { named: true, third: 'size', extra: ['other'] }, // INT
  POINTER,
  { named: false, third: 'size', extra: ['type', 'type', 'other'] }, // ARRAY
  COMPOSITE, // STRUCT
  COMPOSITE, // UNION
  { named: true, third: 'size', member: ['name', 'other'] }, // ENUM
  { named: true, third: 'size' }, // FWD
  NAMED_TYPE, // TYPEDEF
  POINTER, // VOLATILE
  POINTER, // CONST
  POINTER, // RESTRICT
  { ...NAMED_TYPE, mostMembers: 2 }, // FUNC
  { named: false, third: 'type', member: ['name', 'type'] }, // FUNC_PROTO
  { ...NAMED_TYPE, extra: ['other'] }, // VAR
  { named: true, third: 'size', member: ['type', 'other', 'other'] }, // DATASEC
  { named: true, third: 'size' }, // FLOAT
  { ...NAMED_TYPE, extra: ['other'] }, // DECL_TAG
  NAMED_TYPE, // TYPE_TAG
  { named: true, third: 'size', member: ['name', 'other', 'other'] }, // ENUM64
];
const KIND_MASK = 0x1f;
const UNUSED_INFO_BITS = 0x60ff_0000;

/** @returns the kind of the record that may begin at a place; undefined when none does */
function kindAt(bytes: Uint8Array, at: number): Kind | undefined {
  const info = readWord32(bytes, at + 4);
  if ((info & UNUSED_INFO_BITS) !== 0) return undefined;
  const kind = KINDS[(info >>> 24) & KIND_MASK];
  if (kind === undefined) return undefined;
  const name = readWord32(bytes, at) >>> 0;
  if (kind.named ? name >= MOST_NAME_BYTES : name !== 0) return undefined;
  if (kind.member === undefined && (info & 0xffff) > (kind.mostMembers ?? 0)) return undefined;
  const third = readWord32(bytes, at + 8) >>> 0;
  return third < (kind.third === 'type' ? MOST_TYPES : MOST_SIZE_BYTES) ? kind : undefined;
}

const memberCount = (bytes: Uint8Array, at: number) => readWord32(bytes, at + 4) & 0xffff;

function recordBytes(bytes: Uint8Array, at: number, { extra, member }: Kind): number {
  return 12 + 4 * ((extra?.length ?? 0) + (member === undefined ? 0 : member.length * memberCount(bytes, at)));
}

/**
 * The type information that a Linux kernel carries about itself (BTF): names, and types that mean other types.
 *
 * Its records follow one another without marks; the first is where a chain of sound records begins.
 *
 * @see Documentation/bpf/btf.rst of Linux
 */
export const findBtf: ReferenceFinder = (bytes, from, to, address, visitor) => {
  const start = firstRecord(bytes, from + (-address & 3), to);
  if (start < 0) return;
  visitMembersBefore(bytes, from, start, visitor);
  for (let at = start; at + 12 <= to; ) {
    const kind = kindAt(bytes, at);
    if (kind === undefined) return;
    if (kind.named) visitWord(bytes, at, 'name', visitor);
    if (kind.third === 'type') visitWord(bytes, at + 8, 'type', visitor);
    const end = Math.min(at + recordBytes(bytes, at, kind), to - 3);
    const words = kind.extra ?? kind.member ?? [];
    for (let word = at + 12, i = 0; word < end; word += 4, i++)
      visitWord(bytes, word, words[i % words.length]!, visitor);
    at += recordBytes(bytes, at, kind);
  }
};

function visitWord(bytes: Uint8Array, at: number, what: Words[number], visitor: ReferenceVisitor): void {
  if (what === 'other' || readWord32(bytes, at) === 0) return;
  visitor.visit(what === 'name' ? NAME_PLACE : TYPE_NUMBER, at, at);
}

function firstRecord(bytes: Uint8Array, from: number, to: number): number {
  for (let start = from; start + 12 <= to; start += 4) {
    let records = 0;
    let at = start;
    while (at + 12 <= to) {
      const kind = kindAt(bytes, at);
      if (kind === undefined) break;
      records++;
      at += recordBytes(bytes, at, kind);
    }
    if (at + 12 > to && records >= FEWEST_RECORDS) return start;
  }
  return -1;
}

/** What lies before the first record are mostly members of a structure: a name, a type, and a place that grows. */
function visitMembersBefore(bytes: Uint8Array, from: number, start: number, visitor: ReferenceVisitor): void {
  let place = Number.MAX_SAFE_INTEGER;
  for (let at = start - 12; at >= from; at -= 12) {
    const type = readWord32(bytes, at + 4) >>> 0;
    const ownPlace = readWord32(bytes, at + 8) >>> 0;
    if (readWord32(bytes, at) >>> 0 >= MOST_NAME_BYTES || type === 0 || type >= MOST_TYPES || ownPlace > place) return;
    place = ownPlace;
    visitWord(bytes, at, 'name', visitor);
    visitWord(bytes, at + 4, 'type', visitor);
  }
}
