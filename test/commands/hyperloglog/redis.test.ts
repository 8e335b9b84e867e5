/**
 * HyperLogLogs here and in redis-server after the same commands: the same replies and the same bytes, whether they were
 * made by adding elements or damaged by hand. PORTCULLIS_DIFFERENTIAL_COUNT makes it longer.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.ts';
import { Prng } from '../../../src/base/prng.ts';
import { parseReply } from '../../../src/resp/reply-reader.ts';
import { HarnessSystem, SocketSystem } from '../../differential/systems.ts';
import { RedisServer, redisServerInstalled } from '../../support/redis-server.ts';
import { rendered } from '../../support/render.ts';
import { seed } from '../../support/seed.ts';
import { shown, type Words } from '../../support/words.ts';

const ROUNDS = Math.ceil(Number(process.env['PORTCULLIS_DIFFERENTIAL_COUNT'] ?? 4000) / 20);
const hint = redisServerInstalled ? '' : ' (skipped: redis-server is not installed)';
const KEYS = ['{h}1', '{h}2', '{h}3', '{h}4'];

describe.skipIf(!redisServerInstalled)(`a HyperLogLog, seed ${seed}${hint}`, () => {
  const prng = new Prng(seed);
  let server: RedisServer;
  let reference: SocketSystem;
  let ours: HarnessSystem;

  beforeAll(async () => {
    server = await RedisServer.start();
    reference = await SocketSystem.connect(server.port);
    ours = new HarnessSystem(true);
  });

  afterAll(() => {
    reference?.close();
    ours?.close();
    server?.stop();
  });

  const one = <Value>(values: readonly Value[]) => values[prng.below(values.length)] as Value;

  /** Runs all on both and compares; the last reply. */
  async function same(commands: readonly Words[]): Promise<Uint8Array> {
    const [theirs, our] = await Promise.all([reference.run(2, commands), ours.run(2, commands)]);
    for (const [i, words] of commands.entries()) {
      const line = shown(words).slice(0, 2000);
      expect(`${line}\n${rendered(our[i] as Uint8Array)}`).toBe(`${line}\n${rendered(theirs[i] as Uint8Array)}`);
    }
    return theirs.at(-1) as Uint8Array;
  }

  function elements(count: number): string[] {
    return Array.from({ length: count }, () => {
      const number = `${prng.below(200_000)}`;
      return prng.below(4) > 0 ? number : `${number}${'\0\xff·padding'.slice(0, prng.below(10))}`;
    });
  }

  function command(): Words {
    const kind = prng.below(20);
    if (kind < 9) return ['PFADD', one(KEYS), ...elements(one([0, 1, 1, 2, 10, 100]))];
    if (kind < 12) return ['PFCOUNT', one(KEYS)];
    if (kind < 14) return ['PFCOUNT', one(KEYS), one(KEYS), one(KEYS)];
    if (kind < 16) return ['PFMERGE', one(KEYS), one(KEYS), one(KEYS)];
    if (kind < 17) return ['PFDEBUG', one(['DECODE', 'ENCODING', 'ENCODING', 'GETREG', 'TODENSE']), one(KEYS)];
    if (kind < 18) return ['DEL', one(KEYS)];
    return ['GET', one(KEYS)];
  }

  it('has the same bytes and the same estimate after any commands', { timeout: 600_000 }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const commands = Array.from({ length: 20 }, command);
      await same([...commands, ...KEYS.map((key) => ['GET', key])]);
    }
  });

  it('of many elements has the same bytes at every size', { timeout: 600_000 }, async () => {
    let next = 0;
    for (let size = 1; size < 300_000; size = Math.ceil(size * 1.3)) {
      const words = Array.from({ length: size - next }, (_, i) => `element:${next + i}`);
      next = size;
      await same([
        ['PFADD', 'large', ...words],
        ['PFCOUNT', 'large'],
        ['GET', 'large'],
      ]);
    }
  });

  function damaged(value: string): string {
    const bytes = [...value];
    for (let times = 1 + prng.below(3); times > 0; times--) {
      const at = prng.below(4) === 0 ? prng.below(16) : 16 + prng.below(Math.max(1, bytes.length - 16));
      const kind = prng.below(5);
      const byte = String.fromCharCode(prng.below(256));
      if (kind === 0) bytes.splice(at, 1 + prng.below(4));
      else if (kind === 1) bytes.splice(at, 0, byte);
      else if (kind === 2) bytes.push(byte);
      else if (at < bytes.length) bytes[at] = byte;
    }
    return bytes.join('');
  }

  /** Redis reads the zero that it keeps behind every string as the second half of such a run; we refuse. */
  function endsWithinRun(value: string): boolean {
    let at = 16;
    while (at < value.length) at += (value.charCodeAt(at) & 0xc0) === 0x40 ? 2 : 1;
    return at > value.length;
  }

  it('damaged by hand is refused alike, or taken for what it says', { timeout: 600_000 }, async () => {
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await same([
        ['DEL', ...KEYS],
        ['PFADD', 'h', ...elements(one([0, 1, 3, 30, 300]))],
      ]);
      if (prng.below(5) === 0) await same([['PFDEBUG', 'TODENSE', 'h']]);
      const reply = parseReply(await same([['GET', 'h']]))?.value;
      const value = reply?.kind === 'bulk' ? damaged(latin1(reply.bytes)) : '';
      if (endsWithinRun(value)) continue;
      const tried: readonly Words[] = [
        ['PFCOUNT', 'h'],
        ['PFADD', 'h', ...elements(1)],
        ['PFCOUNT', 'h', 'x'],
        ['PFMERGE', 'x', 'h'],
        ['PFMERGE', 'h', 'h'],
        ['PFDEBUG', 'TODENSE', 'h'],
        ['PFDEBUG', 'ENCODING', 'h'],
        ['PFDEBUG', 'GETREG', 'h'],
        ['PFDEBUG', 'DECODE', 'h'],
      ];
      for (const words of tried) {
        await same([['SET', 'h', value]]);
        const answer = await same([words]);
        if (answer[0] === 0x2d) refused++;
        else
          await same([
            ['GET', 'h'],
            ['OBJECT', 'ENCODING', 'h'],
            ['GET', 'x'],
            ['PFCOUNT', 'h'],
          ]);
      }
      await same([['DEL', 'h', 'x']]);
    }
    expect(refused).toBeGreaterThan(ROUNDS);
  });
});
