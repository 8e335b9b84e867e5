/** The two sides of a comparison: redis-server over a socket, and us in process or over a socket. */
import { systemClock } from '../../src/base/clock.ts';
import type { CollectionLimits } from '../../src/base/collection-limits.ts';
import { Harness, type HarnessSession } from '../support/harness.ts';
import { RespClient } from '../support/resp-client.ts';
import type { Words } from '../support/words.ts';
import { DATABASES } from './generate.ts';

/** Options of collections by the names that CONFIG SET knows. */
export type Thresholds = Readonly<Record<string, number>>;

/** A server with one connection for each protocol. */
export interface System {
  /** Sets the thresholds of collections, as far as it knows them. */
  configure(thresholds: Thresholds): Promise<void>;
  run(protocol: 2 | 3, commands: readonly Words[]): Promise<readonly Uint8Array[]>;
  /** Empty, and every connection on database 0. */
  reset(): Promise<void>;
  close(): void;
}

export class SocketSystem implements System {
  private readonly two: RespClient;
  private readonly three: RespClient;

  private constructor(two: RespClient, three: RespClient) {
    this.two = two;
    this.three = three;
  }

  static async connect(port: number): Promise<SocketSystem> {
    const three = await RespClient.connect(port);
    await three.send('HELLO', '3');
    return new SocketSystem(await RespClient.connect(port), three);
  }

  async configure(thresholds: Thresholds): Promise<void> {
    await this.two.pipeline(Object.entries(thresholds).map(([name, value]) => ['CONFIG', 'SET', name, `${value}`]));
  }

  run(protocol: 2 | 3, commands: readonly Words[]): Promise<readonly Uint8Array[]> {
    return (protocol === 2 ? this.two : this.three).pipeline(commands);
  }

  async reset(): Promise<void> {
    await this.two.pipeline([['FLUSHALL'], ['SELECT', '0']]);
    await this.three.send('SELECT', '0');
  }

  close(): void {
    this.two.close();
    this.three.close();
  }
}

/** CONFIG belongs to the gateway, which the harness has not. */
const FIELDS: Readonly<Record<string, keyof CollectionLimits>> = {
  'hash-max-listpack-entries': 'hashMaxListpackEntries',
  'hash-max-listpack-value': 'hashMaxListpackValueBytes',
  'set-max-intset-entries': 'setMaxIntsetEntries',
  'set-max-listpack-entries': 'setMaxListpackEntries',
  'set-max-listpack-value': 'setMaxListpackValueBytes',
  'zset-max-listpack-entries': 'zsetMaxListpackEntries',
  'zset-max-listpack-value': 'zsetMaxListpackValueBytes',
  'list-max-listpack-size': 'listMaxListpackSize',
  'stream-node-max-bytes': 'streamNodeMaxBytes',
  'stream-node-max-entries': 'streamNodeMaxEntries',
  'hll-sparse-max-bytes': 'hllSparseMaxBytes',
};

export class HarnessSystem implements System {
  private readonly harness: Harness;
  private readonly two: HarnessSession;
  private readonly three: HarnessSession;

  constructor(debug: boolean) {
    this.harness = new Harness({ clock: systemClock, debug });
    this.two = this.harness.session(2);
    this.three = this.harness.session(3);
  }

  configure(thresholds: Thresholds): Promise<void> {
    const { world } = this.harness.shard;
    const known = Object.entries(FIELDS).map(([name, field]) => [field, thresholds[name] ?? world.collections[field]]);
    world.collections = { ...world.collections, ...Object.fromEntries(known) };
    return Promise.resolve();
  }

  run(protocol: 2 | 3, commands: readonly Words[]): Promise<readonly Uint8Array[]> {
    const session = protocol === 2 ? this.two : this.three;
    return Promise.resolve(commands.map((words) => session.run(words)));
  }

  reset(): Promise<void> {
    for (const session of [this.two, this.three]) session.run(['SELECT', '0']);
    this.two.run(['FLUSHALL']);
    return Promise.resolve();
  }

  close(): void {
    for (let number = 0; number < DATABASES; number++) this.harness.shard.realm(0).flushDatabase(number, false);
  }
}
