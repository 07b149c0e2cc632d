import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mqttFilterFault, mqttTopics } from '../../../src/lib/telemetry/mqtt-topic.js';

test('a topic takes the members of its message', () => {
  const { topicOf } = mqttTopics('out/{deviceId}/{type}/{messageId}');
  expect(topicOf({ deviceId: 'd-1', type: 'gps', messageId: 'm' })).toBe('out/d-1/gps/m');
});

test('a device goes by its vin where it has no other name', () => {
  expect(mqttTopics('{deviceId}').topicOf({ vin: 'WVW1' })).toBe('WVW1');
  expect(mqttTopics('{vin}').topicOf({ deviceId: 'd-1' })).toBe('d-1');
});

test('what is missing, empty or no text is a level of its own', () => {
  const { topicOf } = mqttTopics('{deviceId}/{type}');
  expect(topicOf({})).toBe('-/-');
  expect(topicOf({ deviceId: '', type: 7 })).toBe('-/-');
});

test.each([
  ['a/b', 'a%2Fb'],
  ['+', '%2B'],
  ['#', '%23'],
  ['$SYS', '%24SYS'],
  ['%2F', '%252F'],
  ['a\0', 'a%00'],
  ['\ud800', '\ufffd'],
])('a device called %j stays on its level', (deviceId, level) => {
  expect(mqttTopics('{deviceId}').topicOf({ deviceId })).toBe(level);
});

test('whatever a message holds, its topic has the levels of the template and can be published to', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), fc.anything(), (deviceId, type) => {
      const topic = mqttTopics('out/{deviceId}/{type}').topicOf({ deviceId, type });
      expect(topic.split('/')).toHaveLength(3);
      expect(topic).not.toMatch(/[+#]/);
      expect(mqttFilterFault(topic)).toBeUndefined();
    }),
  );
});
