import { styleText } from 'node:util';

type Environment = Record<string, string | undefined>;
type Style = Parameters<typeof styleText>[0];

/** True in a CI job, where nobody answers and nothing is redrawn. */
export function isCi(environment: Environment): boolean {
  const { CI } = environment;
  return CI !== undefined && CI !== '' && CI !== '0' && CI !== 'false';
}

/**
 * May this stream be redrawn (spinners, bars)? A terminal without a width, as some containers and
 * test drivers give, may not: redrawing counts lines by dividing by it.
 */
export function isLiveTerminal(stream: { isTTY?: boolean; columns?: number }, environment: Environment): boolean {
  return stream.isTTY === true && stream.columns !== 0 && environment.TERM !== 'dumb' && !isCi(environment);
}

/** May a question be asked? Only when a person can both see it and answer. */
export function canAsk(environment: Environment): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true && !isCi(environment);
}

/**
 * Text in a colour where the stream shows one: on a terminal outside CI, unless NO_COLOR is set.
 *
 * @see https://no-color.org
 */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream, environment: Environment): string {
  const wanted = isLiveTerminal(stream, environment) && !environment.NO_COLOR;
  return wanted ? styleText(style, text, { validateStream: false }) : text;
}
