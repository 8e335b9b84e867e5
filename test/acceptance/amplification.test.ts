/**
 * The amplification rule: one request of an ordinary tenant user never costs a hundred times its bytes, in its reply or in
 * memory that stays, unless docs/threat-model.md names the command and says what bounds it. Every command of the table is
 * asked with as few words as it takes, and those whose words can name a size are asked for much.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filled, TEMPLATES } from '../attacks/requests.ts';
import { ROOT, Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

const RATIO = 100;
const PAGE = readFileSync(join(ROOT, 'docs', 'threat-model.md'), 'utf8');

/** Of a table of the page: what stands in its first column, as code. */
function named(heading: string): string[] {
  const [, part = ''] = PAGE.split(`### ${heading}\n`);
  const rows = (part.split('\n#')[0] ?? '').matchAll(/^\| (`.*?`) \|/gm);
  return Array.from(rows, ([, cell = '']) =>
    Array.from(cell.matchAll(/`([^`]+)`/g), ([, name = '']) => name.replace('\\|', '|')),
  ).flat();
}

/** Would end the connection, wait for ever, or answer nothing. */
const NOT_ASKED = new Set(['quit', 'reset', 'client|reply', 'auth', 'hello', 'monitor', 'client|pause', 'multi']);
const VALUE = 'v'.repeat(20_000);
const MANY = Array.from({ length: 20 }, () => 'big{a}');

/** All in one slot, so that several shards take them. Requests whose words name a size, or many times the same. `big` holds 20,000 bytes, collections twenty members of 1,000. */
const GREEDY: readonly (readonly string[])[] = [
  ['SETRANGE', 'new{a}', '1000000', 'x'],
  ['SETBIT', 'new{a}', '8000000', '1'],
  ['BITFIELD', 'new{a}', 'SET', 'u8', '1000000', '1'],
  ['COPY', 'big{a}', 'new{a}'],
  ['BITOP', 'NOT', 'new{a}', 'big{a}'],
  ['PFADD', 'new{a}', ...Array.from({ length: 20 }, (_, i) => `${i}`)],
  ['PFMERGE', 'new{a}', 'pf{a}'],
  ['SDIFFSTORE', 'new{a}', 'set{a}'],
  ['ZUNIONSTORE', 'new{a}', '1', 'zset{a}'],
  ['ZRANGESTORE', 'new{a}', 'zset{a}', '0', '-1'],
  ['SORT', 'list{a}', 'ALPHA', 'STORE', 'new{a}'],
  ['XADD', 'new{a}', '*', 'f', 'v'],
  ['XGROUP', 'CREATE', 'new{a}', 'g', '$', 'MKSTREAM'],
  ['LPUSH', 'new{a}', 'x'],
  ['ZADD', 'new{a}', '1', 'x'],
  ['MGET', ...MANY],
  ['GET', 'big{a}'],
  ['GETRANGE', 'big{a}', '0', '-1'],
  ['DUMP', 'big{a}'],
  ['LCS', 'pf{a}', 'pf{a}'],
  ['LRANGE', 'list{a}', '0', '-1'],
  ['SMEMBERS', 'set{a}'],
  ['HGETALL', 'hash{a}'],
  ['ZRANGE', 'zset{a}', '0', '-1'],
  ['SORT', 'list{a}', 'ALPHA'],
  ['SRANDMEMBER', 'set{a}', '-10000'],
  ['HRANDFIELD', 'hash{a}', '-10000'],
  ['ZRANDMEMBER', 'zset{a}', '-10000'],
  ['SCAN', '0', 'COUNT', '1000000'],
];

let serve: Serve;
let user: Wire;
let admin: Wire;
const replies = new Map<string, number>();
const memory = new Map<string, number>();

function note(found: Map<string, number>, name: string, ratio: number): void {
  if (ratio >= RATIO) found.set(name, Math.max(Math.round(ratio), found.get(name) ?? 0));
}

function wireBytes(words: readonly string[]): number {
  return words.reduce(
    (sum, word) => sum + word.length + String(word.length).length + 5,
    String(words.length).length + 3,
  );
}

async function usedBytes(): Promise<number> {
  const told: unknown[] = JSON.parse(await admin.ask('TENANT', 'INFO', 'plain'));
  return Number(told[told.indexOf('used-memory') + 1]);
}

async function ask(name: string, words: readonly string[]): Promise<void> {
  if (user.isClosed) user = await Wire.as(serve, 'plain-app');
  const before = user.receivedBytes;
  const usedBefore = await usedBytes();
  await user.ask(...words).catch(() => '');
  note(replies, name, (user.receivedBytes - before) / wireBytes(words));
  note(memory, name, ((await usedBytes()) - usedBefore) / wireBytes(words));
}

async function seed(): Promise<void> {
  await user.ask('FLUSHALL');
  await user.ask('SET', 'big{a}', VALUE);
  await user.ask('PFADD', 'pf{a}', 'a');
  const twenty = Array.from({ length: 20 }, (_, i) => `${'m'.repeat(1000)}${i}`);
  await user.ask('RPUSH', 'list{a}', ...twenty);
  await user.ask('SADD', 'set{a}', ...twenty);
  await user.ask('HSET', 'hash{a}', ...twenty.flatMap((member) => [member, 'v']));
  await user.ask('ZADD', 'zset{a}', ...twenty.flatMap((member) => ['1', member]));
}

beforeAll(async () => {
  serve = await Serve.start({
    tenants: { plain: { users: [['plain-app', '~* &* +@all -@dangerous +flushall']], budget: '{ memory: 64mb }' } },
  });
  user = await Wire.as(serve, 'plain-app');
  admin = await Wire.as(serve, 'admin');
});
afterAll(() => serve.dispose());

describe('the amplification rule', () => {
  it('holds for every command asked with as few words as it takes, where nothing is stored', async () => {
    const table: [string, number, ...unknown[]][] = JSON.parse(await admin.ask('COMMAND', 'INFO'));
    const all = table.flatMap((row) => [row, ...((row[9] as [string, number][]) ?? [])]);
    expect(all.length).toBeGreaterThan(200);
    for (const [name, arity] of all) {
      if (NOT_ASKED.has(name) || /^b[lz]|subscribe$|^wait/.test(name)) continue;
      const head = name.split('|');
      const least = Math.max(0, Math.abs(arity) - head.length);
      await ask(name, [...head, ...Array.from({ length: least }, () => '1')]);
    }
    for (const words of [
      ['COMMAND', 'DOCS'],
      ['ACL', 'CAT', 'read'],
      ['LOLWUT', 'VERSION', '5', '100', '100', '100'],
    ]) {
      await ask(words.slice(0, 2).join('|').toLowerCase(), words);
    }
    expect(Array.from(replies.keys()).toSorted()).toEqual(named('Replies of a fixed size').toSorted());
    expect(Array.from(memory.keys())).toEqual([]);
  }, 120_000);

  it('holds for requests that name a size, but for those the page names', async () => {
    replies.clear();
    memory.clear();
    for (const words of GREEDY) {
      await seed();
      await ask(words[0]?.toLowerCase() ?? '', words);
    }
    for (const template of TEMPLATES) {
      if (/^B[LZ]|^XREAD|^DEBUG/.test(template.line)) continue;
      await ask(
        template.words[0]?.toLowerCase() ?? '',
        filled(template, (_place, index) => `fresh${index}{a}`),
      );
    }
    expect(Array.from(replies.keys()).toSorted()).toEqual(
      named('Replies out of what the tenant has stored').toSorted(),
    );
    expect(Array.from(memory.keys()).toSorted()).toEqual(named('Memory by one request').toSorted());
  }, 120_000);
});
