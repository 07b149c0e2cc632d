import { OtaError } from '../core/errors.js';

/** `[COMPONENT=]VALUE` as typed: `modem=modem-2.bin`, or `app.bin` for the only component. */
export interface ComponentSpec {
  /** Absent where none was typed. */
  component?: string;
  value: string;
}

/** A path with an equals sign after lowercase letters is written `./a=b.bin`. */
export function parseComponentSpec(text: string): ComponentSpec {
  const [, component, value] = /^([a-z0-9][a-z0-9-]{0,31})=(.+)$/s.exec(text) ?? [];
  return component === undefined || value === undefined ? { value: text } : { component, value };
}

/**
 * Values by component, each component once.
 *
 * @param fallback component of a value without a name; absent where there are several components
 * @param option   the option the values come from, for the message: `--base`
 * @throws OtaError USAGE: a name is needed, or one stands twice
 */
export function byComponent(
  texts: readonly string[],
  fallback: string | undefined,
  option: string,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const { component = fallback, value } = parseComponentSpec(text);
    if (component === undefined) {
      throw new OtaError('USAGE', `${option} ${text}: the package has several components`, [
        `Write ${option} COMPONENT=${value}.`,
      ]);
    }
    if (values.has(component)) {
      throw new OtaError('USAGE', `${option} is given twice for component ${component}`, [
        'Give one for each component.',
      ]);
    }
    values.set(component, value);
  }
  return values;
}
