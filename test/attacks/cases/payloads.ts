/** Group D: bytes that RESTORE must not believe. */
import { bytesOfLatin1, latin1 } from '../../../src/base/bytes.ts';
import { Prng } from '../../../src/base/prng.ts';
import { parseReply } from '../../../src/resp/reply-reader.ts';
import { type AttackCase, attack, CaseFailed, holds, matches, same } from '../case.ts';
import { compressed, expanding, length, opened, sealed, text } from '../payload.ts';
import { heldBy, KEY_TYPES, plant, uproot } from '../planted.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';
import { BROKEN, WHOLE } from './broken.ts';

const MEGABYTE = 1024 * 1024;
const LARGE_BYTES = 12 * MEGABYTE;
const KEY = 't1:{d}restored';
const WRONG = '-ERR DUMP payload version or checksum are wrong\r\n';
const BAD = '-ERR Bad data format\r\n';
const OWN = 't1:{d}';

async function dumpOf(wire: Wire, key: string): Promise<string> {
  const reply = parseReply(bytesOfLatin1(await wire.ask('DUMP', key)))?.value;
  if (reply?.kind !== 'bulk') throw new CaseFailed(`DUMP ${key} gave ${reply?.kind}`);
  return latin1(reply.bytes, 0, reply.bytes.length);
}

/** Asks for many at once; none of them may leave a key behind. */
async function refuseAll(
  wire: Wire,
  payloads: readonly (readonly [what: string, payload: string, says: string])[],
): Promise<void> {
  wire.send(payloads.map(([, payload]) => encode('RESTORE', KEY, '0', payload) + encode('EXISTS', KEY)).join(''));
  const replies = await wire.collect(2 * payloads.length);
  for (const [i, [what, , says]] of payloads.entries()) {
    same(replies[2 * i], says, what);
    same(replies[2 * i + 1], ':0\r\n', `the key after ${what}`);
  }
}

const SETTINGS: readonly (readonly [words: readonly string[], says: string])[] = [
  [['-1'], '-ERR Invalid TTL value, must be >= 0\r\n'],
  [['x'], '-ERR value is not an integer or out of range\r\n'],
  [['9223372036854775808'], '-ERR value is not an integer or out of range\r\n'],
  [['-9223372036854775808'], '-ERR Invalid TTL value, must be >= 0\r\n'],
];
const OPTIONS: readonly (readonly [words: readonly string[], says: string])[] = [
  [['IDLETIME', '-1'], '-ERR Invalid IDLETIME value, must be >= 0\r\n'],
  [['IDLETIME', 'x'], '-ERR value is not an integer or out of range\r\n'],
  [['IDLETIME'], '-ERR syntax error\r\n'],
  [['FREQ', '256'], '-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n'],
  [['FREQ', '-1'], '-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n'],
  [['FREQ', '1', 'IDLETIME', '1'], '-ERR syntax error\r\n'],
  [['IDLETIME', '1', 'FREQ', '1'], '-ERR syntax error\r\n'],
  [['NOSUCH'], '-ERR syntax error\r\n'],
];

/** Every end, every bit in turn, every version there may be. */
async function tampered(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  await plant(t1x, OWN);
  for (const type of KEY_TYPES) {
    const good = await dumpOf(t1x, OWN + type);
    const { type: typeByte, value } = opened(good);
    const cut = Array.from(
      { length: good.length },
      (_, i) => [`a ${type} cut to ${i}`, good.slice(0, i), WRONG] as const,
    );
    await refuseAll(t1x, cut);
    const flipped = Array.from({ length: good.length }, (_, i) => {
      const byte = String.fromCharCode(good.charCodeAt(i) ^ (1 << (i % 8)));
      return [`a ${type} changed at ${i}`, good.slice(0, i) + byte + good.slice(i + 1), WRONG] as const;
    });
    await refuseAll(t1x, flipped);
    const versions = [13, 14, 100, 255, 256, 65_535].map((version) => {
      return [`a ${type} of version ${version}`, sealed(typeByte, value, version), WRONG] as const;
    });
    await refuseAll(t1x, versions);
    const cutInside = Array.from(
      { length: value.length },
      (_, i) => [`a ${type} ending at ${i}`, sealed(typeByte, value.slice(0, i)), BAD] as const,
    );
    await refuseAll(t1x, cutInside);
    for (const [words, says] of SETTINGS) same(await t1x.ask('RESTORE', KEY, ...words, good), says, words.join(' '));
    for (const [words, says] of OPTIONS)
      same(await t1x.ask('RESTORE', KEY, '0', good, ...words), says, words.join(' '));
    same(await t1x.ask('EXISTS', KEY), ':0\r\n', 'the key');
    same(
      await t1x.ask('RESTORE', OWN + type, '0', good),
      '-BUSYKEY Target key name already exists.\r\n',
      'RESTORE over it',
    );
    same(await t1x.ask('RESTORE', KEY, '0', good), '+OK\r\n', `what ${type} was`);
    same(await dumpOf(t1x, KEY), good, `DUMP of the restored ${type}`);
    await t1x.ask('DEL', KEY);
  }
  await uproot(t1x, OWN);
  t1x.close();
}

/** Bytes behind the value are no part of it. */
async function trailing(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  await plant(t1x, OWN);
  for (const type of KEY_TYPES) {
    const { type: typeByte, value } = opened(await dumpOf(t1x, OWN + type));
    for (const more of ['\0', '\xff', value, 'x'.repeat(1000)]) {
      await refuseAll(t1x, [[`a ${type} and ${more.length} bytes`, sealed(typeByte, value + more), BAD]]);
    }
  }
  await uproot(t1x, OWN);
  t1x.close();
}

const CLAIMS: readonly (readonly [what: string, payload: string])[] = [
  ['four gigabytes of nothing', sealed(0, compressed('\x80\xff\xff\xff\xff', '\x00a'))],
  ['more than numbers go', sealed(0, compressed(`\x81${'\x7f'}${'\xff'.repeat(7)}`, '\x00a'))],
  ['a negative length', sealed(0, compressed(`\x81${'\xff'.repeat(8)}`, '\x00a'))],
  ['sixty megabytes of a thousandth', sealed(0, compressed(length(60 * MEGABYTE), expanding(60_000)))],
  ['a thousand for one', sealed(0, compressed(length(100_000), 'a'.repeat(100)))],
  ['one byte more than it makes', sealed(0, compressed(length(1001), expanding(1000)))],
  ['one byte less than it makes', sealed(0, compressed(length(999), expanding(1000)))],
  ['a reference to before its start', sealed(0, compressed(length(5), '\x00a\x20\x01'))],
  ['a reference as its first', sealed(0, compressed(length(3), '\x20\x00'))],
  ['a reference as far as it goes', sealed(0, compressed(length(10), '\x00a\xe0\x00\xff'))],
  ['literals past its end', sealed(0, compressed(length(5), '\x1fab'))],
  ['a reference cut short', sealed(0, compressed(length(300), '\x00a\xe0\xff'))],
  ['nothing', sealed(0, compressed(length(10), ''))],
  ['a compressed member', sealed(2, length(1) + compressed('\x80\xff\xff\xff\xff', '\x00a'))],
  ['a compressed intset', sealed(11, compressed('\x80\x40\x00\x00\x00', '\x00a'))],
  ['a plain string of four gigabytes', sealed(0, '\x80\xff\xff\xff\xffabc')],
  ['a plain string longer than numbers go', sealed(0, `\x81${'\xff'.repeat(8)}abc`)],
  ['four thousand million members', sealed(2, `\x80\xff\xff\xff\xff${text('a')}`)],
  ['four thousand million fields', sealed(4, `\x80\xff\xff\xff\xff${text('a')}${text('b')}`)],
  ['four thousand million nodes', sealed(18, `\x80\xff\xff\xff\xff\x01${text('a')}`)],
  ['four thousand million scores', sealed(5, `\x80\xff\xff\xff\xff${text('a')}${'\0'.repeat(8)}`)],
];

/** Nothing that is only claimed is allocated, and what really comes out of little counts against the budget. */
async function bombs(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  await t1x.ask('DEL', KEY);
  const before = world.residentBytes();
  for (let round = 0; round < 20; round++) {
    for (const [what, payload] of CLAIMS) {
      matches(await t1x.ask('RESTORE', KEY, '0', payload), /^-(ERR Bad data format|OOM |ERR .*exceeds)/, what);
    }
  }
  same(await t1x.ask('EXISTS', KEY), ':0\r\n', 'the key');
  holds(world.residentBytes() - before < 64 * MEGABYTE, 'memory was taken');
  const large = sealed(0, compressed(length(LARGE_BYTES), expanding(LARGE_BYTES)));
  holds(large.length < LARGE_BYTES / 80, `${large.length} bytes are sent`);
  const asMember = sealed(2, length(1) + opened(large).value);
  for (let i = 0; i < 20; i++) {
    // Five of them fit into the budget.
    const says = i < 5 ? /^\+OK/ : /^-OOM /;
    matches(await t1x.ask('RESTORE', `${KEY}${i}`, '0', large), says, `${LARGE_BYTES} bytes, number ${i}`);
    if (i >= 5) matches(await t1x.ask('RESTORE', `${KEY}${i}`, '0', asMember), says, 'the same as a member');
  }
  same(await t1x.ask('STRLEN', `${KEY}4`), `:${LARGE_BYTES}\r\n`, 'what was restored');
  same(await t1x.ask('DEL', ...Array.from({ length: 20 }, (_, i) => `${KEY}${i}`)), ':5\r\n', 'DEL');
  t1x.close();
}

async function contradictions(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  await t1x.ask('DEL', KEY);
  const used = await world.figure('used_memory', 't1x');
  const wrong: string[] = [];
  for (const [what, type, value] of WHOLE) {
    const reply = await t1x.ask('RESTORE', KEY, '0', sealed(type, value));
    const gone = await t1x.ask('DEL', KEY);
    if (reply !== '+OK\r\n' || gone !== ':1\r\n') wrong.push(`${what}, which is good: ${reply.trim()}`);
  }
  for (const [what, type, value] of BROKEN) {
    const reply = await t1x.ask('RESTORE', KEY, '0', sealed(type, value));
    const gone = await t1x.ask('DEL', KEY);
    if (reply !== BAD || gone !== ':0\r\n') wrong.push(`${what}: ${reply.trim()}`);
  }
  if (wrong.length > 0) throw new CaseFailed(wrong.join('\n      '));
  same(await world.figure('used_memory', 't1x'), used, 'used_memory');
  t1x.close();
}

const MUTATIONS = 400;

/** Good payloads changed by chance under a right checksum: refused, or a value that can be read and deleted. */
async function mutations(world: World): Promise<void> {
  const prng = new Prng(160);
  const t1x = await world.as('t1x');
  await plant(t1x, OWN);
  for (let i = 0; i < 200; i++) await t1x.ask('ZADD', `${OWN}zset`, `${i}`, `m${i}`);
  const before = await heldBy(t1x, OWN);
  for (const type of KEY_TYPES) {
    const good = opened(await dumpOf(t1x, OWN + type));
    for (let i = 0; i < MUTATIONS; i++) {
      let value = good.value;
      for (let changes = 1 + prng.below(3); changes > 0; changes--) {
        const at = prng.below(value.length);
        value = value.slice(0, at) + String.fromCharCode(prng.below(256)) + value.slice(at + prng.below(2));
      }
      t1x.send(encode('RESTORE', `${OWN}mutant`, '0', sealed(good.type, value)));
      const reply = await t1x.reply();
      matches(reply, /^(\+OK|-ERR Bad data format|-OOM |-ERR .*exceeds)/, `a ${type} changed by chance`);
      if (!reply.startsWith('+')) continue;
      for (const words of [['TYPE'], ['OBJECT', 'ENCODING'], ['MEMORY', 'USAGE'], ['DUMP'], ['PERSIST']]) {
        matches(await t1x.ask(...words, `${OWN}mutant`), /^[+$:]/, `${words.join(' ')} of a ${type} changed by chance`);
      }
      same(await t1x.ask('DEL', `${OWN}mutant`), ':1\r\n', 'DEL');
    }
  }
  same(await heldBy(t1x, OWN), before, 'the other keys');
  await uproot(t1x, OWN);
  t1x.close();
}

export const payloadCases: readonly AttackCase[] = [
  attack(
    'D156',
    'payloads cut, changed, of other versions, with options that are none',
    { none: 'mistakes, and nothing that was not allowed' },
    tampered,
  ),
  attack(
    'D156',
    'payloads with bytes behind the value',
    { none: 'mistakes, and nothing that was not allowed' },
    trailing,
  ),
  attack('D158', 'strings that claim to be much', { none: 'want of memory is no denial' }, bombs),
  attack(
    'D160',
    'values that contradict themselves',
    { none: 'mistakes, and nothing that was not allowed' },
    contradictions,
  ),
  attack('D160', 'values changed by chance', { none: 'mistakes, and nothing that was not allowed' }, mutations),
];
