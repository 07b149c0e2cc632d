import type { Selectable } from 'kysely';
import type { Schema } from '../database/schema.js';
import type { LinkMaker } from './links.js';

export type TagRow = Selectable<Schema['tag']>;

/** A tag of devices as hawkBit writes it. */
export function tagBody(tag: TagRow, link: LinkMaker): object {
  const path = `/targettags/${tag.id}`;
  return {
    createdBy: tag.created_by,
    createdAt: tag.created_at,
    lastModifiedBy: tag.created_by,
    lastModifiedAt: tag.created_at,
    name: tag.name,
    ...(tag.description !== null && { description: tag.description }),
    id: tag.id,
    ...(tag.colour !== null && { colour: tag.colour }),
    _links: { self: link(path), assignedTargets: link(`${path}/assigned?offset=0&limit=50`) },
  };
}
