/** Members of a message that a topic may be made of. */
export const MQTT_PLACEHOLDERS = ['deviceId', 'vin', 'type', 'messageId'] as const;
export type MqttPlaceholder = (typeof MQTT_PLACEHOLDERS)[number];

const PLACEHOLDER = /\{([^{}]*)\}/g;
/** MQTT's own limit for a UTF-8 string, bytes. */
const MAX_TOPIC_BYTES = 65_535;
/** Of a level that a message names, in UTF-16 code units: the topic as a whole stays below the limit. */
const MAX_LEVEL_LENGTH = 256;

/**
 * What is wrong with a filter that is to be subscribed to; undefined for a valid one.
 *
 * @see MQTT 5.0, section 4.7
 */
export function mqttFilterFault(filter: string): string | undefined {
  const general = generalFault(filter);
  if (general !== undefined) return general;
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('+') && level !== '+') return 'the wildcard + stands alone between two slashes';
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) {
      return 'the wildcard # stands alone after the last slash';
    }
  }
  return undefined;
}

/** What is wrong with a topic that is to be published to, with its placeholders; undefined for a valid one. */
export function mqttTemplateFault(template: string): string | undefined {
  const general = generalFault(template);
  if (general !== undefined) return general;
  if (/[+#]/.test(template)) return 'nothing can be published to a topic with wildcards';
  const unknown = [...template.matchAll(PLACEHOLDER)].find(([, name]) => !isPlaceholder(name!));
  if (unknown !== undefined) return `the topic holds ${unknown[0]}, which is no member that a topic is made of`;
  return undefined;
}

function generalFault(topic: string): string | undefined {
  if (topic === '') return 'the topic is missing';
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) return `the topic has more than ${MAX_TOPIC_BYTES} bytes`;
  // MQTT 5.0, section 1.5.4: brokers may close the connection on these.
  if (/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(topic)) return 'the topic holds control characters';
  return undefined;
}

function isPlaceholder(name: string): name is MqttPlaceholder {
  return (MQTT_PLACEHOLDERS as readonly string[]).includes(name);
}

/** Compiles a template once: whether it needs a message's members, and the topic of a message. */
export function mqttTopics(template: string): {
  isFixed: boolean;
  topicOf(message: Readonly<Record<string, unknown>>): string;
} {
  return {
    isFixed: !template.includes('{'),
    topicOf: (message) => template.replace(PLACEHOLDER, (_, name: MqttPlaceholder) => level(member(message, name))),
  };
}

/** A device goes by either name. */
function member(message: Readonly<Record<string, unknown>>, name: MqttPlaceholder): unknown {
  if (name === 'deviceId') return message.deviceId ?? message.vin;
  if (name === 'vin') return message.vin ?? message.deviceId;
  return message[name];
}

/**
 * One level of a topic. A device that calls itself `../#` or `a/b` reaches no other topic: what means something in a
 * topic, and the percent sign, is percent-encoded; what is missing or empty becomes `-`.
 */
function level(value: unknown): string {
  if (typeof value !== 'string' || value === '') return '-';
  const short = value.slice(0, MAX_LEVEL_LENGTH).toWellFormed();
  return short.replace(/[/+#%$\p{Cc}\p{Noncharacter_Code_Point}]/gu, encodeURIComponent);
}
