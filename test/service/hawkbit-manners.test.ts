import { openHawkbitDriver } from '../../src/lib/fleet-api/hawkbit-driver.js';
import { driverContract } from '../lib/fleet-api/driver-contract.js';
import { oldHawkbit } from '../lib/fleet-api/old-hawkbit.js';
import { leapingTime } from '../support/leaping-time.js';

driverContract('the driver of hawkBit, with the manners of hawkBit 0.9', {
  open: (client) => openHawkbitDriver(client, { address: 'https://fleet.example', pacing: leapingTime() }),
  between: oldHawkbit,
});
