// A real Apache Kafka for the service suite and the benchmarks: one broker in KRaft mode on free loopback ports.
//   node scripts/services/kafka.mjs DIRECTORY    starts it there, prints its address, and stops it on Ctrl-C
// Its jars come from Maven Central by scripts/services/kafka/pom.xml and are kept in the user's cache.
import { execFile, execFileSync } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './ports.mjs';
import { listening, loopback, runAlone, startService } from './service.mjs';

const POM = join(import.meta.dirname, 'kafka/pom.xml');
const START_MS = 60_000;
/** A login for the listener with SASL; it protects nothing. */
export const LOGIN = { username: 'fleet', password: 'loopback-only' };

/**
 * Formats the directory if it is new and starts the broker. After `kill` it may be started again on the same
 * directory: it then has the same ports.
 *
 * @param {string} directory
 * @returns {Promise<{ address: string, loginAddress: string, pid: number, stop(): Promise<void>, kill(): Promise<void> }>}
 *   `host:port` of a listener without and of one with login (SASL PLAIN, no TLS)
 */
export async function startKafka(directory) {
  const classPath = join(fetchJars(), '*');
  const config = join(directory, 'server.properties');
  if (!existsSync(config)) {
    mkdirSync(directory, { recursive: true });
    const ports = await freePorts(3);
    writeFileSync(config, properties(directory, ports));
    const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    java(classPath, 'kafka.tools.StorageTool', ['format', '-t', id, '-c', config, '--standalone']);
  }
  const [port, loginPort] = readFileSync(config, 'utf8')
    .match(/(?<=127\.0\.0\.1:)\d+/g)
    .map(Number);
  const options = { name: 'Kafka', ready: listening([port, loginPort], START_MS) };
  const service = await startService('java', [...HEAP, '-cp', classPath, 'kafka.Kafka', config], options);
  return { ...service, address: loopback(port), loginAddress: loopback(loginPort) };
}

/**
 * Writes records with Kafka's own console producer.
 *
 * @param {string} address
 * @param {string} topic
 * @param {readonly { key: string, value: string }[]} records without tabs and line feeds
 */
export function writeRecords(address, topic, records) {
  const tool = ['-cp', join(fetchJars(), '*'), 'org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', address];
  execFileSync('java', [...HEAP, ...tool, '--topic', topic, '--property', 'parse.key=true'], {
    input: records.map(({ key, value }) => `${key}\t${value}\n`).join(''),
  });
}

/**
 * Reads a whole topic with Kafka's own console consumer, which knows nothing of the code under test.
 *
 * @param {string} address
 * @param {string} topic
 * @param {{ idleMs?: number }} [options] it ends when nothing came for so long
 * @returns {Promise<{ partition: number, key: string, value: string }[]>} what readers of committed messages see
 */
export async function readCommitted(address, topic, { idleMs = 3000 } = {}) {
  const { stdout } = await promisify(execFile)(
    'java',
    [
      ...HEAP,
      ...['-cp', join(fetchJars(), '*'), 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
      ...['--bootstrap-server', address, '--topic', topic, '--from-beginning'],
      ...['--isolation-level', 'read_committed', '--timeout-ms', `${idleMs}`],
      ...['--property', 'print.partition=true', '--property', 'print.key=true'],
    ],
    { maxBuffer: 1 << 30 },
  ).catch((error) => (error.stdout === undefined || error.killed ? Promise.reject(error) : error)); // its time limit is an error
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [partition, key, ...value] = line.split('\t');
      return { partition: Number(partition.replace('Partition:', '')), key, value: value.join('\t') };
    });
}

const HEAP = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

function java(classPath, main, args) {
  execFileSync('java', [...HEAP, '-cp', classPath, main, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** @returns {string} the folder of the jars */
function fetchJars() {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ota-fleet');
  const jars = join(cache, `kafka-${hash('sha256', readFileSync(POM)).slice(0, 16)}`);
  if (existsSync(jars)) return jars;
  mkdirSync(cache, { recursive: true });
  const aside = mkdtempSync(`${jars}.`);
  try {
    const args = ['--batch-mode', '--quiet', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${aside}`];
    execFileSync('mvn', args, { stdio: ['ignore', 2, 2] });
    renameSync(aside, jars);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(jars)) throw error; // else another process has fetched them meanwhile
  }
  return jars;
}

function properties(directory, [port, loginPort, controllerPort]) {
  return `# A broker and controller in one process, for tests: nothing is replicated.
process.roles=broker,controller
node.id=1
listeners=PLAIN://127.0.0.1:${port},LOGIN://127.0.0.1:${loginPort},CONTROLLER://127.0.0.1:${controllerPort}
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAIN
listener.security.protocol.map=PLAIN:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.login.sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${LOGIN.username}="${LOGIN.password}";
log.dirs=${join(resolve(directory), 'log')}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a kill the controller waits for so long before it takes the broker back.
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
`;
}

await runAlone(import.meta.filename, startKafka, ({ address }) => `kafka://${address}`);
