/**
 * Payloads of every type, changed at random and sealed again: they are refused or become a value that works, and nothing of
 * what is refused stays. PORTCULLIS_LONG=1 tries 10,000 of each type.
 */
import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { Declaration } from '../../src/command/spec.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { Generator } from '../differential/generate.ts';
import { homeOf } from '../differential/homes.ts';
import { FakeClock, Harness } from '../support/harness.ts';
import { sealed } from '../support/payload.ts';
import { rendered } from '../support/render.ts';
import { seed } from '../support/seed.ts';
import { type Sample, samples } from './samples.ts';

const MUTATIONS = process.env['PORTCULLIS_LONG'] === '1' ? 10_000 : 500;
const COMMANDS = 100;
/** Payloads between two looks at the whole arena. */
const STRIDE = 25;
const NOW_MS = 1_700_000_000_000;
const VERSION = 12;
/** What a mutation likes to write: kinds of lengths, ends, signs. */
const EDGES = [0, 1, 2, 3, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc1, 0xc3, 0xdf, 0xf0, 0xf4, 0xfe, 0xff];

/** Some bytes changed, cut off, put in or doubled, behind the type byte. */
function mutated(prng: Prng, body: string): string {
  let text = body;
  for (let i = prng.below(3); i >= 0; i--) {
    const at = 1 + prng.below(Math.max(1, Math.min(text.length, prng.below(3) === 0 ? 20 : text.length)));
    const byte = String.fromCharCode(
      prng.below(2) === 0 ? (EDGES[prng.below(EDGES.length)] as number) : prng.below(256),
    );
    const kind = prng.below(8);
    const length = 1 + prng.below(12);
    if (kind === 0) text = text.slice(0, at);
    else if (kind === 1) text = text.slice(0, at) + byte + text.slice(at);
    else if (kind === 2) text = text.slice(0, at) + text.slice(at + length);
    else if (kind === 3) text = text.slice(0, at + length) + text.slice(at);
    else if (kind === 4)
      text = text.slice(0, at) + String.fromCharCode((text.charCodeAt(at) + 1) & 255) + text.slice(at + 1);
    else text = text.slice(0, at) + byte + text.slice(at + 1);
  }
  return text;
}

function declarationsOf(group: Sample['group']): readonly Declaration[] {
  return shardDeclarations.filter((each) => each.group === group);
}

const names = samples(new Harness({ clock: new FakeClock(NOW_MS) }).session());

describe(`payloads changed at random, seed ${seed}`, () => {
  test.each(names)('of a $name', { timeout: 600_000 }, ({ group, bodies }) => {
    const harness = new Harness({ debug: true, clock: new FakeClock(NOW_MS) });
    const session = harness.session();
    const prng = new Prng(seed);
    const generator = new Generator(declarationsOf(group), prng, () => NOW_MS);
    const key = homeOf(group)?.[0] ?? 'k';
    const { account } = harness.shard.realm(0);
    const { arena } = harness.shard;
    const before = account.usedBytes();
    for (const body of bodies)
      expect(rendered(session.run(['RESTORE', key, '0', sealed(body, VERSION), 'REPLACE']))).toBe('OK');
    session.run(['FLUSHALL']);
    while (harness.shard.reclaim(1000));
    let restored = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const body = mutated(prng, bodies[prng.below(bodies.length)] as string);
      const reply = rendered(session.run(['RESTORE', key, '0', sealed(body, VERSION)]));
      if (reply === 'OK') {
        restored++;
        session.run(['DUMP', key]);
        for (let j = 0; j < COMMANDS; j++) session.run(generator.next());
        session.run(['DEL', key]);
        session.run(['FLUSHALL']);
        while (harness.shard.reclaim(1000));
      } else expect(reply).toBe('(error) ERR Bad data format');
      session.databaseNumber = 0;
      if (account.usedBytes() !== before)
        throw new Error(`${account.usedBytes() - before} bytes are left of ${JSON.stringify(body)}: ${reply}`);
      if (i % STRIDE === 0) arena.check();
    }
    arena.check();
    expect(restored).toBeGreaterThan(0);
    expect(restored).toBeLessThan(MUTATIONS);
  });
});
