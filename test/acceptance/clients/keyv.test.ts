/**
 * keyv with @keyv/redis, which brings version 5 of node-redis (@redis/client), over TLS.
 *
 * setMany, hasMany and deleteMany are one MULTI each: over several shards the namespace has to be a hash tag.
 */
import type KeyvRedis from '@keyv/redis';
import { createKeyv } from '@keyv/redis';
import type { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, nodeRedisLogin, shards } from '../support/clients.ts';
import { Serve } from '../support/serve.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start();
});
afterAll(() => serve.dispose());

const open: Keyv[] = [];
afterEach(async () => {
  for (const keyv of open.splice(0)) await keyv.disconnect();
});

function cache(namespace: string): Keyv {
  const keyv = createKeyv(nodeRedisLogin(serve), { namespace, throwOnErrors: true });
  open.push(keyv);
  return keyv;
}

async function entriesOf(keyv: Keyv): Promise<Record<string, unknown>> {
  const entries: Record<string, unknown> = {};
  for await (const [key, value] of keyv.iterator?.(undefined) ?? []) entries[key] = value;
  return entries;
}

describe('keyv', () => {
  it('keeps values of every shape, answers undefined for what is not there, and deletes', async () => {
    const keyv = cache('shapes');
    const value = { name: 'ü€', list: [1, null, 'x'], at: { depth: 2 }, bytes: Buffer.from([0, 255]) };
    expect(await keyv.set('object', value)).toBe(true);
    expect(await keyv.get('object')).toEqual(value);
    await keyv.set('false', false);
    expect(await keyv.get('false')).toBe(false);
    expect(await keyv.get('nothing')).toBeUndefined();
    expect(await keyv.has('object')).toBe(true);
    expect(await keyv.delete('object')).toBe(true);
    expect(await keyv.delete('object')).toBe(false);
    expect(await keyv.has('object')).toBe(false);
  });

  it('forgets when the time is over', async () => {
    const keyv = cache('times');
    await keyv.set('short', 'x', 40);
    await keyv.set('long', 'x', 100_000);
    await eventually('the short one is over', async () => (await keyv.get('short')) === undefined);
    expect(await keyv.get('long')).toBe('x');
    const { client } = keyv.store as KeyvRedis<unknown>;
    if (!('pTTL' in client)) return expect.fail('a single client');
    expect(await client.pTTL('times::long')).toBeGreaterThan(90_000);
  });

  it('namespaces are apart: iterated, read and cleared one by one', async () => {
    const [one, two] = [cache('one'), cache('two')];
    for (let i = 0; i < 300; i++) await one.set(`key ${i}`, i);
    await two.set('key 0', 'of two');
    const entries = await entriesOf(one);
    expect(Object.keys(entries)).toHaveLength(300);
    expect(entries['key 299']).toBe(299);
    expect(await two.get('key 0')).toBe('of two');
    await one.clear();
    expect(await entriesOf(one)).toEqual({});
    expect(await entriesOf(two)).toEqual({ 'key 0': 'of two' });
  });

  it('reads many keys of any slots at once', async () => {
    const keyv = cache('many');
    const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map((key) => keyv.set(key, key)));
    expect(await keyv.get([...keys, 'none'])).toEqual([...keys, undefined]);
  });

  it('writes and deletes many at once: any namespace inline, a hash tag over several shards', async () => {
    const entries = Array.from({ length: 50 }, (_, i) => ({ key: `key ${i}`, value: i }));
    const keys = entries.map(({ key }) => key);
    const tagged = cache('{many}');
    await tagged.setMany(entries);
    expect(await tagged.getMany(keys)).toEqual(entries.map(({ value }) => value));
    expect(await tagged.hasMany([...keys, 'none'])).toEqual([...keys.map(() => true), false]);
    expect(await tagged.deleteMany(keys)).toBe(true);
    expect(await entriesOf(tagged)).toEqual({});
    const plain = cache('plain');
    const writing = plain.setMany(entries);
    if (shards === 1) await writing;
    else await expect(writing).rejects.toThrow(/EXECABORT|CROSSSLOT/);
    expect(await plain.get('key 7')).toBe(shards === 1 ? 7 : undefined);
  });
});
