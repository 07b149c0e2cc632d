import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { MQTT_KINDS, topicLevel } from '../../wire/telemetry.js';

export interface MosquittoAclOptions {
  /** Whose devices log in at this broker: with their names as user names. */
  readonly tenant: string;
  /** User name of the fleet server. */
  readonly serverUser: string;
}

/**
 * The ACL file of a Mosquitto whose users are the devices of one tenant and the fleet server: a device writes to its own
 * topics and reads nothing, the server reads all of them. It is the same for every device, so nothing has to be made
 * anew when one is registered. A user name with one of `+ # /` gets nothing by it (CVE-2017-7650).
 *
 * @throws OtaError USAGE for names that would end their line, or that a topic cannot hold as they are
 * @see mosquitto.conf(5), acl_file
 */
export function mosquittoAcl({ tenant, serverUser }: MosquittoAclOptions): string {
  if (tenant === '' || topicLevel(tenant) !== tenant || tenant.trim() !== tenant) throw unfit('tenant', tenant);
  if (serverUser === '' || /[\p{Cc}+#/]/u.test(serverUser) || serverUser.trim() !== serverUser) {
    throw unfit('user name of the server', serverUser);
  }
  return [
    `# Devices of ${tenant}: user name = name of the device. No line grants anything to whoever is anonymous.`,
    ...MQTT_KINDS.map((kind) => `pattern write t/${tenant}/devices/%u/${kind}`),
    '',
    `user ${serverUser}`,
    ...MQTT_KINDS.map((kind) => `topic read t/${tenant}/devices/+/${kind}`),
    '',
  ].join('\n');
}

function unfit(what: string, name: string): OtaError {
  return new OtaError('USAGE', `"${escapeText(name)}" cannot be the ${what} in an ACL file`, ['Choose a plain name.']);
}
