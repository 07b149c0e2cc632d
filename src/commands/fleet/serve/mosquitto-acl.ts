import { Flags } from '@oclif/core';
import { BaseCommand } from '../../../lib/ui/base-command.js';

export default class ServeMosquittoAcl extends BaseCommand {
  static override summary = 'Print what a Mosquitto has to allow devices and the fleet server.';

  static override description =
    'For `acl_file` of mosquitto.conf. A device logs in with its name as user name, writes to its own topics and reads ' +
    'nothing; the server reads all of them. The file stays the same when devices come and go. Names and passwords ' +
    'are in the password file, or devices log in by certificate with `use_identity_as_username true`. Keep ' +
    '`allow_anonymous false`: at its start the server tries what must be forbidden, and does not run where it is not.\n\n' +
    'Exits 2 for a name that cannot stand in the file.';

  static override examples = [
    {
      description: 'For the devices of the first tenant:',
      command: '<%= config.bin %> <%= command.id %> --server-user fleet-server > /etc/mosquitto/fleet.acl',
    },
    {
      description: 'For those of another one:',
      command: '<%= config.bin %> <%= command.id %> --tenant ACME --server-user fleet-server',
    },
  ];

  static override flags = {
    tenant: Flags.string({ summary: 'Whose devices log in at the broker.', helpValue: 'NAME', default: 'DEFAULT' }),
    'server-user': Flags.string({
      summary: 'User name of the fleet server at the broker.',
      helpValue: 'NAME',
      required: true,
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(ServeMosquittoAcl);
    const { mosquittoAcl } = await import('../../../lib/server/mqtt/mosquitto-acl.js');
    const { tenant, 'server-user': serverUser } = flags;
    const acl = mosquittoAcl({ tenant, serverUser });
    this.print(acl.trimEnd());
    return { tenant, serverUser, acl };
  }
}
