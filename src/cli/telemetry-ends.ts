import type { DurableFs } from '../lib/core/durable-fs.js';
import { OtaError } from '../lib/core/errors.js';
import { takeLock } from '../lib/core/lock.js';
import { httpPolicyFromEnvironment } from '../lib/net/http-policy.js';
import type { SinkEndpoint, SourceEndpoint } from '../lib/telemetry/endpoint.js';
import type { Sink } from '../lib/telemetry/sink.js';
import type { Source } from '../lib/telemetry/source.js';
import { secretOfEnvironment } from '../lib/ui/secret.js';
import { accessOf, type ConnectionFlags, groupOf } from './connection-flags.js';

type OnWarning = (code: string, message: string) => void;

/**
 * Opens a source. What only some of them need is loaded with them.
 *
 * @throws OtaError NOT_FOUND, CONFIG_INVALID, USAGE, …
 */
export async function openSource(
  endpoint: SourceEndpoint,
  flags: ConnectionFlags,
  onWarning: OnWarning,
): Promise<Source> {
  switch (endpoint.kind) {
    case 'file': {
      const { openFileSource } = await import('../lib/telemetry/file-source.js');
      return await openFileSource(endpoint.path);
    }
    case 'stdio': {
      const { stdinSource } = await import('../lib/telemetry/stdin-source.js');
      return stdinSource(process.stdin);
    }
    case 'mqtt': {
      const { openMqttSource } = await import('../lib/telemetry/mqtt-source.js');
      return await openMqttSource(endpoint, { ...accessOf('source', flags), onWarning });
    }
    case 'kafka': {
      const { kafkaAccess } = await import('./kafka-access.js');
      const { openKafkaSource } = await import('../lib/telemetry/kafka-source.js');
      return await openKafkaSource({
        ...(await kafkaAccess(endpoint, 'source', flags)),
        topic: endpoint.topic,
        group: groupOf(flags),
        ...(flags['from-checkpoint'] === false && { from: 'start' }),
      });
    }
  }
}

/** @throws OtaError as openSource */
export async function openSink(
  endpoint: SinkEndpoint,
  flags: ConnectionFlags,
  fs: DurableFs,
  { isReadOnly = false, onWarning }: { isReadOnly?: boolean; onWarning?: OnWarning } = {},
): Promise<Sink> {
  switch (endpoint.kind) {
    case 'file': {
      const { fileSink } = await import('../lib/telemetry/file-sink.js');
      return fileSink(fs, endpoint.path, isReadOnly ? {} : { takeLock });
    }
    case 'stdio': {
      const { stdoutSink } = await import('../lib/telemetry/stdout-sink.js');
      return stdoutSink(process.stdout);
    }
    case 'mqtt': {
      const { openMqttSink } = await import('../lib/telemetry/mqtt-sink.js');
      return await openMqttSink(endpoint, accessOf('sink', flags));
    }
    case 'http': {
      const { openHttpSink } = await import('../lib/telemetry/http-sink.js');
      const { username, password, caFile } = accessOf('sink', flags);
      const policy = httpPolicyFromEnvironment(process.env);
      const tokenName = flags['token-env'];
      const token = tokenName === undefined ? undefined : secretOfEnvironment(tokenName, 'token-env');
      return await openHttpSink(endpoint, {
        ...(onWarning !== undefined && { onWarning }),
        username,
        password,
        policy: {
          ...policy,
          ...(caFile !== undefined && { caFile }),
          ...(token !== undefined && { credential: { origin: endpoint.url.origin, token } }),
        },
      });
    }
    case 'kafka': {
      const { kafkaAccess } = await import('./kafka-access.js');
      const { openKafkaSink } = await import('../lib/telemetry/kafka-sink.js');
      return await openKafkaSink({
        ...(await kafkaAccess(endpoint, 'sink', flags)),
        topic: endpoint.topic,
        // One writer for each tenant: a later one shuts the earlier one out, but for one that only looks.
        ...(!isReadOnly && { transactionalId: `fleet-${flags.tenant}.${endpoint.topic}` }),
      });
    }
  }
}

/** Which flags mean something with these ends, and which were typed for nothing. @throws OtaError USAGE */
export function requireMeaning(
  sources: readonly SourceEndpoint[],
  sink: SinkEndpoint,
  typed: (flag: string) => boolean,
): void {
  const isLive = sources.some(({ kind }) => kind === 'mqtt' || kind === 'kafka');
  const rules: [flag: string, isMeant: boolean, belongs: string][] = [
    ['until-idle', isLive, 'a source that never ends: mqtt:// or kafka://'],
    ['source-username', isLive, 'a source at mqtt:// or kafka://'],
    ['group', sources.some(({ kind }) => kind === 'kafka'), 'a source at kafka://'],
    ['token-env', sink.kind === 'http', 'a sink at http:// or https://'],
    ['sink-username', sink.kind !== 'file' && sink.kind !== 'stdio', 'a sink at an address'],
  ];
  const wrong = rules.find(([flag, isMeant]) => !isMeant && typed(flag));
  if (wrong === undefined) return;
  const [flag, , belongs] = wrong;
  throw new OtaError('USAGE', `--${flag} belongs to ${belongs}`, [`Leave --${flag} out.`]);
}
