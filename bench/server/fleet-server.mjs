// `fleet serve` in a process of its own, with devices in it, for programs that measure.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';

/** Starts it on free loopback ports; `stop` ends it and removes its folder. */
export async function startFleetServer({ devices, directory = tmpdir(), flags = [] }) {
  const data = mkdtempSync(join(directory, 'ota-bench-server-'));
  const fleet = join(import.meta.dirname, '../../bin/fleet.js');
  const argv = ['serve', '--data', data, '--http', '127.0.0.1:0', '--json', ...flags];
  const child = spawn(process.execPath, [fleet, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const started = await new Promise((resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`fleet serve ended with ${status}`)));
    createInterface(child.stdout).on('line', (line) => {
      const event = JSON.parse(line);
      if (event.type === 'started') resolve(event);
      else if (event.type !== 'stopped') console.error(line);
    });
  });
  return {
    url: started.http,
    mqtt: started.mqtt,
    pid: child.pid,
    adminToken: readFileSync(started.tokenFile, 'utf8').trim(),
    devices: registerDevices(join(data, 'fleet.db'), devices),
    /** Seconds of processor time so far, and MiB in memory now. */
    usage() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return {
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
        rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024,
      };
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(data, { recursive: true });
    },
  };
}

/** Rows as the server makes them, without its doing: registering is not what is measured. */
function registerDevices(file, count) {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  const insert = database.prepare(
    `insert into device (tenant_id, controller_id, name, token_hash, created_at, created_by, updated_at, updated_by,
       update_status, is_online, wants_attributes, is_auto_confirmed)
     values (1, ?, ?, ?, 0, 'bench', 0, 'bench', 'registered', 0, 0, 0)`,
  );
  database.exec('begin');
  const devices = Array.from({ length: count }, (_, index) => {
    const device = { name: `truck-${index}`, token: randomBytes(32).toString('hex') };
    insert.run(device.name, device.name, createHash('sha256').update(device.token).digest('hex'));
    return device;
  });
  database.exec('commit');
  database.close();
  return devices;
}

/** A message of about 200 bytes. */
export function message(device, index, at) {
  const time = new Date(at + index).toISOString();
  const id = `${hex(index, 8)}-${hex(index % 65536, 4)}-4${hex(index % 4096, 3)}-8${hex(index % 4096, 3)}-${randomBytes(6).toString('hex')}`;
  return `{"messageId":"${id}","deviceId":"${device}","timestamp":"${time}","type":"position","lat":${(48 + (index % 1000) / 1e4).toFixed(5)},"lon":${(11 + (index % 777) / 1e4).toFixed(5)},"speed":${index % 130}}`;
}

function hex(number, digits) {
  return number.toString(16).padStart(digits, '0').slice(-digits);
}

/** The value below which a share of them lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
