import { stat } from 'node:fs/promises';
import { Args } from '@oclif/core';

/** The device that a command is about. */
export const deviceArg = Args.directory({ description: 'Folder of the device.', required: true });

/** Does `--device` name a device that lives in a folder, rather than a file that describes one? */
export async function isDeviceFolder(path: string): Promise<boolean> {
  // What cannot be looked at is left to whoever reads it: its error is the better one.
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
