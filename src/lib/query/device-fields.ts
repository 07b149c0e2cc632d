import { FieldTable } from './fields.js';

/**
 * What devices can be filtered by: hawkBit's fields of a target by the names that its documentation and its clients use,
 * and at the end four of our own that hawkBit does not know (`hawkbit-filter.ts`).
 */
export const DEVICE_FIELDS = new FieldTable('a device', {
  controllerId: { type: 'text', aliases: ['id'] },
  name: { type: 'text' },
  description: { type: 'text' },
  address: { type: 'text', aliases: ['ipAddress'] },
  group: { type: 'text' },
  updateStatus: { type: 'enumeration', values: ['UNKNOWN', 'IN_SYNC', 'PENDING', 'ERROR', 'REGISTERED'] },
  lastTargetQuery: { type: 'number', aliases: ['lastControllerRequestAt'] },
  createdAt: { type: 'number' },
  createdBy: { type: 'text' },
  lastModifiedAt: { type: 'number' },
  lastModifiedBy: { type: 'text' },
  'targetType.key': { type: 'text' },
  'targetType.name': { type: 'text' },
  'assignedDistributionSet.name': { type: 'text', aliases: ['assignedDS.name'] },
  'assignedDistributionSet.version': { type: 'text', aliases: ['assignedDS.version'] },
  'installedDistributionSet.name': { type: 'text', aliases: ['installedDS.name'] },
  'installedDistributionSet.version': { type: 'text', aliases: ['installedDS.version'] },
  'tags.name': { type: 'text', many: true, aliases: ['tags', 'tag', 'tag.name'] },
  metadata: { type: 'text', keyed: true },
  controllerAttributes: { type: 'text', keyed: true, aliases: ['attribute'] },

  // The versions of the two distribution sets, ordered as versions.
  assignedVersion: { type: 'version' },
  installedVersion: { type: 'version' },
  // Whether it was seen within the tenant's time, and how long ago it was seen.
  online: { type: 'boolean' },
  lastSeenAgo: { type: 'age', since: 'lastTargetQuery' },
});
