import type { RandomAccess } from '../../core/random-access.js';
import type { BodyReader } from './body.js';
import { ByteBodyReader } from './byte-body-reader.js';
import { MixBodyReader } from './mix/mix-body-reader.js';
import type { OtadLayout } from './otad-layout.js';

/** The reader that the coder of a patch needs. */
export function bodyReader(patch: RandomAccess, { header, body }: OtadLayout): BodyReader {
  return header.coder === 'mix' ? new MixBodyReader(patch, header, body) : new ByteBodyReader(patch, header, body);
}
