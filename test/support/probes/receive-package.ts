/** Receives a package from ADDRESS on the device in FOLDER and tells how far it is. */
import { openNodeDeviceFs } from '../../../src/lib/device/node-device-fs.js';
import { receivePackage } from '../../../src/lib/device/receive.js';

const [folder, address] = process.argv.slice(2);
await using fs = await openNodeDeviceFs(folder!, 0xff);
await receivePackage(
  { fs },
  {
    url: new URL(address!),
    onProgress: (receivedBytes) => process.stdout.write(`received ${receivedBytes}\n`),
  },
);
process.stdout.write('whole\n');
