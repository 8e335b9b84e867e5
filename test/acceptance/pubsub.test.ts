/** Pub/sub as applications use it: real clients over TLS, who subscribe, publish, resubscribe and are told apart by tenant. */
import { spawn } from 'node:child_process';
import { Redis as IoRedis } from 'ioredis';
import { Redis as IoValkey } from 'iovalkey';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisServerInstalled } from '../wire/redis-server.ts';
import { Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

let serve: Serve;
beforeAll(async () => {
  const rules = '~* &* +@all';
  serve = await Serve.start({ tenants: { t1: { users: [['ann', rules]] }, t2: { users: [['bob', rules]] } } });
});
afterAll(() => serve.dispose());

function options(username: string) {
  const tls = { ca: serve.ca, servername: 'localhost' };
  return { host: '127.0.0.1', port: serve.tlsPort, username, password: serve.password(username), tls };
}

/** Messages as they come, and a way to wait for so many. */
class Ear {
  readonly heard: string[] = [];
  private wake: (() => void) | undefined;

  readonly hear = (...words: readonly unknown[]): void => {
    this.heard.push(words.join(' '));
    this.wake?.();
  };

  async until(count: number): Promise<readonly string[]> {
    while (this.heard.length < count) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.heard;
  }
}

async function hearsLikeIoredis(
  subscriber: IoRedis | IoValkey,
  publisher: IoRedis | IoValkey,
  speaksResp3: boolean,
): Promise<void> {
  const ear = new Ear();
  subscriber.on('message', ear.hear);
  subscriber.on('pmessage', ear.hear);
  expect(await subscriber.subscribe('news', 'sport')).toBe(2);
  expect(await subscriber.psubscribe('n*')).toBe(3);
  // One of them speaks RESP3, where a subscriber may say anything; the other refuses by itself.
  if (speaksResp3) expect(await subscriber.get('k')).toBeNull();
  else await expect(subscriber.get('k')).rejects.toThrow(/subscriber mode/);
  for (let i = 0; i < 100; i++) expect(await publisher.publish('news', `${i} ü`)).toBe(2);
  expect(await publisher.publish('nobody', 'x')).toBe(1);
  expect(await ear.until(201)).toEqual([
    ...Array.from({ length: 100 }, (_, i) => [`news ${i} ü`, `n* news ${i} ü`]).flat(),
    'n* nobody x',
  ]);
  expect(await publisher.pubsub('NUMSUB', 'news')).toEqual(['news', 1]);
  // By name: without names ioredis waits for ever in RESP3, whatever the server.
  expect(await subscriber.unsubscribe('news', 'sport')).toBe(1);
  expect(await subscriber.punsubscribe('n*')).toBe(0);
  expect(await subscriber.get('k')).toBeNull();
  expect(await publisher.publish('news', 'x')).toBe(0);
}

describe('over TLS', () => {
  it('ioredis subscribes, hears, and subscribes again when its connection is gone', async () => {
    const [subscriber, publisher] = [new IoRedis(options('ann')), new IoRedis(options('ann'))];
    await hearsLikeIoredis(subscriber, publisher, true);
    const ear = new Ear();
    subscriber.on('message', ear.hear);
    await subscriber.subscribe('again');
    const ready = new Promise((resolve) => subscriber.once('ready', resolve));
    expect(await publisher.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1);
    await ready;
    while ((await publisher.publish('again', 'x')) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await ear.until(1)).toEqual(['again x']);
    await subscriber.quit();
    await publisher.quit();
  });

  it('iovalkey subscribes and hears', async () => {
    const [subscriber, publisher] = [new IoValkey(options('ann')), new IoValkey(options('ann'))];
    await hearsLikeIoredis(subscriber, publisher, false);
    await subscriber.quit();
    await publisher.quit();
  });

  it.each([2, 3] as const)('node-redis subscribes and hears in RESP%i, shard channels too', async (RESP) => {
    const { host, port, username, password, tls } = options('ann');
    const connected = async () => {
      const client = createClient({ RESP, username, password, socket: { host, port, tls: true, ...tls } });
      await client.connect();
      return client;
    };
    const [subscriber, publisher] = [await connected(), await connected()];
    const ear = new Ear();
    await subscriber.subscribe(['a', 'b'], ear.hear);
    await subscriber.pSubscribe('a*', ear.hear);
    await subscriber.sSubscribe('s', ear.hear);
    if (RESP === 3) expect(await subscriber.set('node-redis', 'x')).toBe('OK');
    expect(await publisher.publish('a', '1')).toBe(2);
    expect(await publisher.publish('b', '2')).toBe(1);
    expect(await publisher.sPublish('s', '3')).toBe(1);
    expect(await ear.until(4)).toEqual(['1 a', '1 a', '2 b', '3 s']);
    await subscriber.unsubscribe();
    await subscriber.pUnsubscribe();
    await subscriber.sUnsubscribe();
    // In RESP2 it takes this one for bytes, whatever the server.
    expect(String(await subscriber.ping())).toBe('PONG');
    expect(await publisher.pubSubNumPat()).toBe(0);
    await subscriber.close();
    await publisher.close();
  });

  it.skipIf(!redisServerInstalled)('redis-cli listens (skipped without redis tools)', async () => {
    const where = ['-p', String(serve.tlsPort), '--tls', '--cacert', `${serve.folder}/certs/ca.pem`];
    const environment = { ...process.env, REDISCLI_AUTH: serve.password('ann') };
    const cli = spawn('redis-cli', [...where, '--user', 'ann', 'PSUBSCRIBE', 'cli*'], { env: environment });
    let output = '';
    const says = (text: string) =>
      new Promise<void>((resolve) => {
        const look = () => output.includes(text) && resolve();
        cli.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          look();
        });
        look();
      });
    await says('psubscribe');
    const publisher = new IoRedis(options('ann'));
    expect(await publisher.publish('cli:1', 'hello')).toBe(1);
    await says('hello');
    cli.kill();
    await publisher.quit();
  });

  it('tenants hear nothing of one another', async () => {
    const [ann, bob] = [await Wire.as(serve, 'ann', 3), await Wire.as(serve, 'bob', 3)];
    await ann.reply('PSUBSCRIBE', '*');
    expect(await bob.reply('PUBLISH', 'c', 'x')).toMatchObject({ kind: 'integer', value: 0 });
    expect(await bob.reply('PUBSUB', 'NUMPAT')).toMatchObject({ value: 0 });
    expect(await ann.reply('PUBSUB', 'NUMPAT')).toMatchObject({ value: 1 });
    ann.close();
    bob.close();
  });

  it('an operator hears the tenant it has chosen', async () => {
    const admin = await Wire.as(serve, 'admin', 3);
    const bob = new IoRedis(options('bob'));
    await admin.reply('TENANT', 'USE', 't2');
    await admin.reply('SUBSCRIBE', 'c');
    expect(await bob.publish('c', 'x')).toBe(1);
    expect(await admin.reply('PING')).toMatchObject({ kind: 'push' });
    admin.close();
    await bob.quit();
  });
});
