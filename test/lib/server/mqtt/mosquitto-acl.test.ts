import { describe, expect, test } from 'vitest';
import { InOrder } from '../../../../src/lib/server/mqtt/in-order.js';
import { mosquittoAcl } from '../../../../src/lib/server/mqtt/mosquitto-acl.js';

describe('the ACL file of a Mosquitto', () => {
  test('lets devices write to their own topics and the server read all of them', () => {
    expect(mosquittoAcl({ tenant: 'DEFAULT', serverUser: 'fleet' }).split('\n').slice(1)).toEqual([
      'pattern write t/DEFAULT/devices/%u/telemetry',
      'pattern write t/DEFAULT/devices/%u/status',
      'pattern write t/DEFAULT/devices/%u/events',
      '',
      'user fleet',
      'topic read t/DEFAULT/devices/+/telemetry',
      'topic read t/DEFAULT/devices/+/status',
      'topic read t/DEFAULT/devices/+/events',
      '',
    ]);
  });

  test('takes no name that would say something else in it', () => {
    for (const tenant of ['', '#', 'a/b', 'a\ntopic write #', ' a']) {
      expect(() => mosquittoAcl({ tenant, serverUser: 'fleet' }), tenant).toThrow(/cannot be the tenant/);
    }
    for (const serverUser of ['', 'a\ntopic readwrite #', '+', 'a ']) {
      expect(() => mosquittoAcl({ tenant: 'DEFAULT', serverUser }), serverUser).toThrow(/cannot be the user name/);
    }
  });
});

describe('acknowledgements', () => {
  test('go out in the order in which the packets came, and none of a connection that has ended', () => {
    const sent: number[][] = [];
    const order = new InOrder((ids) => sent.push([...ids]));
    const [first, second, third] = [order.add(7), order.add(8), order.add(9)];
    second();
    expect(sent).toEqual([]);
    first();
    expect(sent).toEqual([[7, 8]]);
    order.clear();
    third();
    expect(sent).toEqual([[7, 8]]);
    expect(order.size).toBe(0);
  });
});
