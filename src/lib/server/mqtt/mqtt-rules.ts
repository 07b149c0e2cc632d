import { type DeviceTopic, parseDeviceTopic, topicLevel } from '../../wire/telemetry.js';
import type { MqttIdentity } from './mqtt-identity.js';

/** What a message is, as far as rules are concerned. */
export interface Publication {
  readonly topic: string;
  readonly retain: boolean;
}

/**
 * Whether somebody may publish: devices to their own topics, gateways and operators who may send telemetry to those of
 * every device of their tenant. Nothing is retained: what nobody can retain cannot be poisoned or wiped.
 *
 * @returns where it goes, or why not
 */
export function publishRule(identity: MqttIdentity, { topic, retain }: Publication): DeviceTopic | string {
  const parsed = parseDeviceTopic(topic);
  if (parsed === undefined) return 'no topic of a device';
  if (parsed.tenant !== identity.tenant.name) return "another tenant's topic";
  if (identity.kind === 'device' && parsed.device !== identity.controllerId) return "another device's topic";
  if (identity.kind === 'operator' && !identity.mayPublish) return 'may not send telemetry';
  if (retain) return 'nothing is retained here';
  return parsed;
}

/** Whether somebody may subscribe: operators who may read telemetry and events, below `t/{tenant}/` of their own. */
export function maySubscribe(identity: MqttIdentity, filter: string): boolean {
  return identity.kind === 'operator' && identity.maySubscribe && filter.startsWith(tenantPrefix(identity));
}

/** Whether a message on this topic may reach somebody. */
export function mayReceive(identity: MqttIdentity, topic: string): boolean {
  return identity.kind === 'operator' && identity.maySubscribe && topic.startsWith(tenantPrefix(identity));
}

function tenantPrefix({ tenant }: MqttIdentity): string {
  return `t/${topicLevel(tenant.name)}/`;
}
