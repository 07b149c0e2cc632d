import { hash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';

/** A server that is up has answered by then, however busy it is. Milliseconds. */
const ANSWER_MS = 30_000;

/** A server that takes requests at the moment. */
export interface LiveServer {
  readonly url: string;
  readonly mqttUrl: string | undefined;
}

/** What a server has acknowledged: it must be there, whatever became of the server. */
export interface Acknowledged {
  /** Tokens of devices by their names. */
  readonly devices: Map<string, string>;
  /** Devices whose action was told, by its identifier. */
  readonly actions: Map<number, string>;
  /** Texts of feedback, with the action that they are of. */
  readonly feedback: Map<string, number>;
  /** Actions that were reported as done. */
  readonly closed: Set<number>;
  /** Ids of telemetry, with the device that it is of. */
  readonly telemetry: Map<string, string>;
  /** Paths of artifacts, with their SHA-256. */
  readonly artifacts: Map<string, string>;
}

export interface FleetLoad {
  readonly acknowledged: Acknowledged;
  /** Texts of feedback that was sent and not answered: kept once or not at all. */
  readonly uncertain: ReadonlySet<string>;
  /** Answers that no client should ever get. */
  readonly wrong: readonly string[];
  /** Resolves when so many more requests were acknowledged. */
  more(count: number): Promise<void>;
  /** Lets what has begun end. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** Resolves with a server, as soon as there is one. A client asks again after a connection has failed. */
  readonly server: () => Promise<LiveServer>;
  /** Of the administrator. */
  readonly token: string;
  readonly setId: number;
  readonly clients?: number;
  /** Further clients, that send telemetry over MQTT. */
  readonly publishers?: number;
}

/** Clients that live as devices and operators do, each step behind the answer to the one before, over lost connections. */
export function startLoad({ server, token, setId, clients = 6, publishers = 2 }: LoadOptions): FleetLoad {
  const acknowledged: Acknowledged = {
    devices: new Map(),
    actions: new Map(),
    feedback: new Map(),
    closed: new Set(),
    telemetry: new Map(),
    artifacts: new Map(),
  };
  const uncertain = new Set<string>();
  const wrong: string[] = [];
  const waiting = new Set<{ left: number; done(): void }>();
  let isStopping = false;
  let serial = 0;
  const operator = `Bearer ${token}`;

  const count = () => {
    for (const one of waiting) {
      if (--one.left > 0) continue;
      waiting.delete(one);
      one.done();
    }
  };

  /** @returns undefined when nobody knows what became of it */
  const attempt = async (method: string, path: string, { authorization, body, type }: Sent) => {
    const { url } = await server();
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization, ...(type !== undefined && { 'content-type': type }) },
        ...(body !== undefined && { body: body as string }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await response.text();
      if (response.status === 429 || response.status === 503) {
        await delay(50); // it was asked to come later
        return undefined;
      }
      count();
      return { status: response.status, text, json: () => JSON.parse(text) };
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') wrong.push(`${method} ${path} was not answered`);
      await delay(10); // connections are refused at once
      return undefined;
    }
  };
  const json = (method: string, path: string, authorization: string, value?: unknown) =>
    attempt(method, path, {
      authorization,
      ...(value !== undefined && { body: JSON.stringify(value), type: 'application/json' }),
    });
  const unexpected = (what: string, { status, text }: { status: number; text: string }) => {
    wrong.push(`${what}: ${status} ${text.slice(0, 500)}`);
  };
  /** Sends again until it is answered. */
  const surely = async (send: () => ReturnType<typeof attempt>) => {
    for (;;) {
      const answer = await send();
      if (answer !== undefined) return answer;
    }
  };

  /** From its registration to the end of its update. */
  const live = async (id: string): Promise<void> => {
    // Unanswered, it is there with a token that nobody was told: it gets a new one.
    const registered = await surely(() =>
      json('POST', '/api/v1/devices?update=true', operator, [{ id, token: `secret-of-${id}` }]),
    );
    if (registered.status !== 201 && registered.status !== 200) return unexpected(`registering ${id}`, registered);
    acknowledged.devices.set(id, `secret-of-${id}`);
    const device = `TargetToken secret-of-${id}`;
    const assigned = await surely(() =>
      json('POST', `/rest/v1/targets/${id}/assignedDS`, operator, { id: setId, type: 'forced' }),
    );
    if (assigned.status !== 200) return unexpected(`assigning to ${id}`, assigned);
    for (const action of assigned.json().assignedActions) acknowledged.actions.set(action.id, id);
    const polled = await surely(() => json('GET', `/DEFAULT/controller/v1/${id}`, device));
    if (polled.status !== 200) return unexpected(`polling as ${id}`, polled);
    const path = new URL(polled.json()._links.deploymentBase.href).pathname;
    const actionId = Number(path.split('/').at(-1));
    acknowledged.actions.set(actionId, id);
    for (let step = 0; step < 2; step++) {
      const text = `step ${step} of ${id}`;
      uncertain.add(text);
      const told = await json('POST', `${path}/feedback`, device, report('proceeding', 'none', text));
      if (told === undefined) continue;
      uncertain.delete(text);
      if (told.status === 200) acknowledged.feedback.set(text, actionId);
      else unexpected(`feedback of ${id}`, told);
      await sendTelemetry(id, device);
    }
    const closed = await surely(() =>
      json('POST', `${path}/feedback`, device, report('closed', 'success', `end of ${id}`)),
    );
    // 410: it was taken down before the connection was lost.
    if (closed.status !== 200 && closed.status !== 410) return unexpected(`closing ${id}`, closed);
    acknowledged.closed.add(actionId);
  };

  const sendTelemetry = async (id: string, authorization: string): Promise<void> => {
    const ids = Array.from({ length: 5 }, () => `http-${id}-${serial++}`);
    const body = ids.map((messageId) => `${JSON.stringify({ messageId, timestamp: now(), type: 'load' })}\n`).join('');
    const path = `/DEFAULT/telemetry/v1/${id}`;
    const kept = await surely(() => attempt('POST', path, { authorization, body, type: 'application/x-ndjson' }));
    if (kept.status !== 200) return unexpected(`telemetry of ${id}`, kept);
    const { accepted, duplicates } = kept.json();
    if (accepted + duplicates !== ids.length) unexpected(`telemetry of ${id}`, kept);
    for (const one of ids) acknowledged.telemetry.set(one, id);
  };

  const upload = async (version: string): Promise<void> => {
    const named = [{ name: 'load', version, type: 'os' }];
    const made = await json('POST', '/rest/v1/softwaremodules', operator, named);
    if (made === undefined) return;
    if (made.status !== 201) return unexpected(`module ${version}`, made);
    const [{ id }] = made.json();
    const bytes = randomBytes(20_000 + (serial % 7) * 10_000);
    const form = new FormData();
    form.append('file', new Blob([bytes]), 'load.swu');
    const uploaded = await attempt('POST', `/rest/v1/softwaremodules/${id}/artifacts`, {
      authorization: operator,
      body: form,
    });
    if (uploaded === undefined) return;
    if (uploaded.status !== 201) return unexpected(`artifact of ${version}`, uploaded);
    const artifact = uploaded.json();
    acknowledged.artifacts.set(
      `/rest/v1/softwaremodules/${id}/artifacts/${artifact.id}/download`,
      hash('sha256', bytes),
    );
  };

  const publish = async (id: string): Promise<void> => {
    const token = `secret-of-${id}`;
    const registered = await surely(() => json('POST', '/api/v1/devices?update=true', operator, [{ id, token }]));
    if (registered.status !== 201 && registered.status !== 200) return unexpected(`registering ${id}`, registered);
    acknowledged.devices.set(id, token);
    while (!isStopping) {
      const client = await connected((await server()).mqttUrl!, id, token);
      if (client === undefined) {
        await delay(10);
        continue;
      }
      let messageId = `mqtt-${id}-${serial++}`;
      while (!isStopping && client.connected) {
        const isKept = await published(client, `t/DEFAULT/devices/${id}/telemetry`, { messageId, timestamp: now() });
        if (!isKept) {
          if (client.connected) wrong.push(`${messageId} was not acknowledged`);
          break;
        }
        acknowledged.telemetry.set(messageId, id);
        count();
        messageId = `mqtt-${id}-${serial++}`;
      }
      client.end(true);
    }
  };

  const forever = async (work: (serial: number) => Promise<void>) => {
    while (!isStopping) await work(serial++);
  };
  const running = [
    ...Array.from({ length: clients }, () => forever((number) => live(`load-${number}`))),
    forever((number) => upload(`0.0.${number}`)),
    ...Array.from({ length: publishers }, (_, index) => publish(`publisher-${index}`)),
  ];
  const all = Promise.all(running);
  return {
    acknowledged,
    uncertain,
    wrong,
    more: (left) => Promise.race([all.then(() => undefined), new Promise<void>((done) => waiting.add({ left, done }))]),
    async stop() {
      isStopping = true;
      await all;
    },
  };
}

interface Sent {
  readonly authorization: string;
  readonly body?: string | FormData;
  readonly type?: string;
}

function report(execution: string, finished: string, text: string): object {
  return { timestamp: Date.now(), status: { execution, result: { finished }, details: [text] } };
}

function now(): string {
  return new Date().toISOString();
}

async function connected(url: string, id: string, password: string): Promise<MqttClient | undefined> {
  const options = { reconnectPeriod: 0, connectTimeout: 10_000, username: `DEFAULT/${id}`, clientId: id, password };
  const client = mqtt.connect(url, options);
  client.on('error', () => undefined);
  const isConnected = await new Promise<boolean>((done) => {
    client.once('connect', () => done(true)).once('close', () => done(false));
  });
  if (!isConnected) client.end(true);
  return isConnected ? client : undefined;
}

/** @returns whether it was acknowledged; false when the connection was lost, or after a long time */
function published(client: MqttClient, topic: string, message: object): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (isKept: boolean) => {
      clearTimeout(timer);
      client.off('close', isLost);
      resolve(isKept);
    };
    const isLost = () => done(false);
    const timer = setTimeout(isLost, ANSWER_MS);
    client.once('close', isLost);
    client.publish(topic, JSON.stringify(message), { qos: 1 }, (error) => done(!error));
  });
}
