import { Admin, Producer } from '@platformatic/kafka';
import { type RunningKafka, startKafka } from '../../scripts/services/kafka.mjs';
import { type TestFolder, testFolder } from './folder.js';

/** A broker of its own for one test file. */
export interface TestBroker extends AsyncDisposable {
  readonly address: string;
  readonly loginAddress: string;
  /** Makes a topic with a name that no other test has. */
  topic(name: string, partitions: number): Promise<string>;
  /** Writes records as any other program would: without transactions, the key decides the partition. */
  produce(topic: string, records: readonly { key: string; value: string }[]): Promise<void>;
  /** Kills the broker and starts it on the same log. */
  crash(): Promise<void>;
}

export async function testBroker(): Promise<TestBroker> {
  const folder: TestFolder = await testFolder();
  let kafka: RunningKafka = await startKafka(folder.path);
  const { address, loginAddress } = kafka;
  const client = { clientId: 'test', bootstrapBrokers: [address], retries: 300, retryDelay: 100 };
  const admin = new Admin(client);
  const producer = new Producer({ ...client, idempotent: true });
  let topics = 0;
  return {
    address,
    loginAddress,
    async topic(name, partitions) {
      const unique = `${name}-${++topics}`;
      await admin.createTopics({ topics: [unique], partitions, replicas: 1 });
      return unique;
    },
    async produce(topic, records) {
      const messages = records.map(({ key, value }) => ({ topic, key: Buffer.from(key), value: Buffer.from(value) }));
      for (let at = 0; at < messages.length; at += 2000) {
        await producer.send({ messages: messages.slice(at, at + 2000) });
      }
    },
    async crash() {
      await kafka.kill();
      kafka = await startKafka(folder.path);
    },
    async [Symbol.asyncDispose]() {
      await producer.close();
      await admin.close();
      await kafka.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}
