/** What the second tenant owns, and whether it is still exactly that. */
import { createHash } from 'node:crypto';
import { encode } from './wire.ts';
import type { World } from './world.ts';

/** A word that is in keys, values and client names of the second tenant and nowhere else. */
export const FOREIGN = 'secret-of-two';
const FIXED_KEYS = 500;
const LAST_DATABASE = 15;

/** Every key that the second tenant has, but for those its steady work changes. */
export async function plantTwo(world: World): Promise<void> {
  const t2 = await world.as('t2');
  let requests = encode('SET', FOREIGN, FOREIGN) + encode('SET', `t1:${FOREIGN}`, FOREIGN);
  for (let i = 0; i < FIXED_KEYS; i++) requests += encode('SET', `fixed:${i}`, `${i} ${'x'.repeat(i)}`);
  t2.send(requests + encode('SELECT', String(LAST_DATABASE)) + encode('SET', FOREIGN, FOREIGN));
  const replies = await t2.collect(FIXED_KEYS + 4);
  if (replies.some((reply) => reply !== '+OK\r\n')) throw new Error('the data of the second tenant cannot be written');
  t2.close();
}

function wordsOf(reply: string): string[] {
  const lines = reply.split('\r\n');
  return lines.filter((_, i) => i > 0 && i % 2 === 0);
}

/** Of all keys and values in the first and last database: a key too many tells as well as one too few. */
export async function digestOfTwo(world: World): Promise<string> {
  const t2 = await world.as('t2');
  const hash = createHash('sha256');
  for (const database of [0, LAST_DATABASE]) {
    await t2.ask('SELECT', String(database));
    const keys = wordsOf(await t2.ask('KEYS', '*')).filter((key) => !key.startsWith('canary:'));
    keys.sort();
    hash.update(`${database} ${keys.length} ${keys.join(' ')} ${await t2.ask('MGET', ...keys)}`);
  }
  hash.update(String(await t2.ask('INFO', 'keyspace')).replace(/^db0:.*$/m, ''));
  t2.close();
  return hash.digest('hex');
}
