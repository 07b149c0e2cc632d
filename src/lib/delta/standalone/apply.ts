import { OtaError } from '../../core/errors.js';
import { keepYoungHeapSmall } from '../../core/young-heap.js';
import { applyPatch } from './apply-patch.js';
import { deviceAdvice } from './device-advice.js';
import { parseOptions, USAGE } from './options.js';

/** Entry of dist/apply.mjs: the applier for devices. */
async function main(): Promise<void> {
  keepYoungHeapSmall();
  const controller = new AbortController();
  const stop = (error: OtaError) => controller.abort(error);
  process.once('SIGINT', () => stop(new OtaError('INTERRUPTED', 'interrupted before it was done')));
  process.once('SIGTERM', () => stop(new OtaError('TERMINATED', 'terminated before it was done')));
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === undefined) {
      console.log(USAGE);
      return;
    }
    const { writtenBytes, keptBytes } = await applyPatch(options, controller.signal);
    const kept = keptBytes === 0 ? '' : `, ${keptBytes} were right already`;
    console.error(
      `apply: ${options.targetSize} bytes with SHA-256 ${options.targetSha256}: ${writtenBytes} written${kept}`,
    );
  } catch (error) {
    if (!(error instanceof OtaError)) throw error; // a bug: status 1 with a trace
    console.error([`apply: ${error.message}`, ...deviceAdvice(error).map((next) => `  ${next}`)].join('\n'));
    process.exitCode = error.exitCode;
  }
}

void main();
