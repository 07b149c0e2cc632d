import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from './io-error.js';

/** Which process, for as long as the machine can tell: a pid alone is given to others later. */
export interface ProcessIdentity {
  host: string;
  pid: number;
  /** Linux only, like the two below: the machine's present boot. */
  bootId?: string;
  /** The namespace the pid counts in; another container has its own pid 7. */
  pidNamespace?: string;
  /** Start of the process, clock ticks since boot. */
  startTicks?: string;
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  const [bootId, pidNamespace, stat] = await Promise.all([readBootId(), readPidNamespace(), readStat(process.pid)]);
  return {
    host: hostname(),
    pid: process.pid,
    ...(bootId !== undefined && { bootId }),
    ...(pidNamespace !== undefined && { pidNamespace }),
    ...(stat && { startTicks: stat.startTicks }),
  };
}

/** True only when it is certain; a process on another host or in another container may well run. */
export async function hasEnded(identity: ProcessIdentity): Promise<boolean> {
  if (identity.host !== hostname()) return false;
  if (identity.bootId !== undefined && identity.bootId !== (await readBootId())) return true;
  if (identity.pidNamespace !== undefined && identity.pidNamespace !== (await readPidNamespace())) return false;
  if (identity.startTicks !== undefined) {
    const stat = await readStat(identity.pid);
    return stat === undefined || stat.isZombie || stat.startTicks !== identity.startTicks;
  }
  try {
    process.kill(identity.pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

async function readBootId(): Promise<string | undefined> {
  return (await readOrAbsent('/proc/sys/kernel/random/boot_id'))?.trim();
}

function readPidNamespace(): Promise<string | undefined> {
  return readlink('/proc/self/ns/pid').catch(() => undefined);
}

/** @see proc_pid_stat(5): field 3 is the state, field 22 the start; field 2 may hold spaces and parentheses */
async function readStat(pid: number): Promise<{ isZombie: boolean; startTicks: string } | undefined> {
  const text = await readOrAbsent(`/proc/${pid}/stat`);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields?.[0], fields?.[19]];
  if (state === undefined || startTicks === undefined) return undefined;
  return { isZombie: state === 'Z' || state === 'X', startTicks };
}

function readOrAbsent(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
