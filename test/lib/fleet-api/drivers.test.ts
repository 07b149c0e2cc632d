import { openFleetDriver } from '../../../src/lib/fleet-api/fleet-driver.js';
import { openHawkbitDriver } from '../../../src/lib/fleet-api/hawkbit-driver.js';
import { leapingTime } from '../../support/leaping-time.js';
import { driverContract } from './driver-contract.js';

const options = { address: 'https://fleet.example', pacing: leapingTime() };

driverContract('the driver of fleet serve', { open: (client) => openFleetDriver(client, options) });
driverContract('the driver of hawkBit', { open: (client) => openHawkbitDriver(client, options) });
