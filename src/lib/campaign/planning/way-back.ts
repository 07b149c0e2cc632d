import lessThan from 'semver/functions/lt.js';
import valid from 'semver/functions/valid.js';
import { clipText, escapeText } from '../../core/text.js';
import type { DriverRelease, DriverSoftware } from '../../fleet-api/driver.js';
import type { Metadata } from '../../package/metadata.js';

/** Beginning of the reason that no later choice can mend. */
export const COUNTER_RAISED = 'the package raises the security counter';

/**
 * Why a device that has the update could not go back to what it runs now, as far as can be told beforehand; null: it can.
 *
 * @param previous what it would be given; null: nothing
 * @param release  what is known of that
 * @param storedCounter what the device tells; undefined: nothing
 */
export function cannotReturn(
  { version, rollback, securityCounter }: Metadata,
  {
    previous,
    release,
    storedCounter,
  }: {
    previous: DriverSoftware | null;
    release: DriverRelease | undefined;
    storedCounter: number | undefined;
  },
): string | null {
  if (previous === null) return 'the server has nothing that it could give them back';
  const from = clipText(escapeText(previous.version), 128);
  if (rollback?.allowed !== true) return `the package does not allow going back from ${version}`;
  const { minVersion } = rollback;
  if (minVersion !== undefined && valid(previous.version) !== null && lessThan(previous.version, minVersion)) {
    return `the package allows going back to ${minVersion} or later, they run ${from}`;
  }
  // A device stores at least the counter of what it runs. So where the stored one is below, that of what it runs is, too.
  const counter = release?.securityCounter ?? storedCounter;
  if (counter !== undefined && counter < securityCounter) {
    return `${COUNTER_RAISED} from ${counter} to ${securityCounter}, and ${from} is below it`;
  }
  if (release?.isYanked === true) return `${from} is withdrawn at the server`;
  return null;
}
