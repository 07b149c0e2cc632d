import * as z from 'zod/mini';

/** Longest name of a device, as in hawkBit. */
export const DEVICE_ID_MAX_LENGTH = 256;

/**
 * The name that a device goes by: hawkBit's controllerId. It stands in URLs, in MQTT topics and as the common name of
 * certificates, so it has no white space, no control or invisible formatting character, none of `/ \ + #`, and is neither
 * `.` nor `..`.
 */
export const deviceId = z.string().check(
  z.minLength(1),
  z.maxLength(DEVICE_ID_MAX_LENGTH),
  z.regex(/^[^\s\p{Cc}\p{Cf}\p{Cs}/\\+#]+$/u, 'expected no white space, no control character and none of / \\ + #'),
  z.refine((id) => id !== '.' && id !== '..', 'expected a name that can stand in a URL, not "." or ".."'),
);
