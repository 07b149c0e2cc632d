import type { Covers } from '../match/covers.js';
import { AddressLookup } from './address-lookup.js';
import type { AddressSpaces, Segment } from './address-space.js';
import { PositionMap } from './position-map.js';
import type { ReferenceForm } from './reference-form.js';

/** Where covers put the targets of references, as addresses. */
export class TargetMap {
  readonly old: AddressLookup;
  readonly new: AddressLookup;
  readonly #positions: PositionMap;
  #oldSegment: Segment | undefined;
  #newSegment: Segment | undefined;
  #oldUnit: readonly Segment[] = [];
  /** The unit's lowest address, and the one behind its highest: most words that are no references lie outside. */
  #oldLow = 0;
  #oldHigh = 0;
  #oldHit: Segment | undefined;
  #newHit: Segment | undefined;
  #oldLoadAddress = 0;
  #newLoadAddress = 0;

  constructor(spaces: AddressSpaces, covers: Covers) {
    this.old = new AddressLookup(spaces.old);
    this.new = new AddressLookup(spaces.new);
    this.#positions = new PositionMap(covers);
  }

  /** The unit that the present reference is in. */
  get unit(): number {
    return this.#oldSegment?.unit ?? 0;
  }

  /** Says in which segments the references are whose targets are asked for next. */
  enter(oldSegment: Segment, newSegment: Segment): void {
    if (this.#oldSegment?.unit !== oldSegment.unit) this.#enterUnit(oldSegment.unit);
    if (this.#newSegment?.unit !== newSegment.unit) this.#newLoadAddress = this.new.loadAddress(newSegment.unit);
    this.#oldSegment = oldSegment;
    this.#newSegment = newSegment;
    this.#oldHit = oldSegment;
    this.#newHit = newSegment;
  }

  #enterUnit(unit: number): void {
    this.#oldUnit = this.old.unit(unit);
    this.#oldLoadAddress = this.old.loadAddress(unit);
    this.#oldLow = this.#oldUnit[0]?.address ?? 0;
    this.#oldHigh = this.#oldLow;
    for (const { address, size } of this.#oldUnit) this.#oldHigh = Math.max(this.#oldHigh, address + size);
  }

  /** @returns what a form's distances count from in the old image; `address` where it is the reference itself */
  oldBase(form: ReferenceForm, address: number): number {
    return baseOf(form, address, this.#oldSegment, this.#oldLoadAddress);
  }

  /** The same in the new image. */
  newBase(form: ReferenceForm, address: number): number {
    return baseOf(form, address, this.#newSegment, this.#newLoadAddress);
  }

  /** @returns the new address of an old one; NaN when either lies outside the unit's segments */
  newTarget(target: number): number {
    const from = this.#oldSegmentOf(target);
    if (from === undefined) return Number.NaN;
    const place = this.#positions.newPlace(from.fileAt + (target - from.address));
    const to = this.#newSegmentAt(place);
    return to === undefined ? Number.NaN : to.address + (place - to.fileAt);
  }

  #oldSegmentOf(address: number): Segment | undefined {
    const hit = this.#oldHit;
    if (hit !== undefined && address >= hit.address && address - hit.address < hit.size) return hit;
    if (!(address >= this.#oldLow && address < this.#oldHigh)) return undefined;
    const segments = this.#oldUnit;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (segments[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const found = segments[low - 1];
    if (found === undefined || !(address - found.address < found.size)) return undefined;
    this.#oldHit = found;
    return found;
  }

  #newSegmentAt(place: number): Segment | undefined {
    const hit = this.#newHit;
    if (hit !== undefined && place >= hit.fileAt && place - hit.fileAt < hit.size) return hit;
    const found = this.new.segment(this.new.indexAt(place));
    if (found === undefined || found.unit !== this.#newSegment?.unit || place - found.fileAt >= found.size) {
      return undefined;
    }
    this.#newHit = found;
    return found;
  }
}

function baseOf(form: ReferenceForm, address: number, segment: Segment | undefined, loadAddress: number): number {
  if (form.base === undefined || segment === undefined) return address;
  return form.base === 'segment' ? segment.address : loadAddress;
}
