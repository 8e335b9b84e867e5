/** Slow hashes: who is right, who is remembered, and how much of it strangers can make us do. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SLOW_HASHES_PER_ADDRESS_MAX } from '../../src/base/limits.ts';
import { makeSlowHash, parseSlowHash, SlowPasswords } from '../../src/identity/password.ts';

const RIGHT = Buffer.from('correct horse');
let hash: string;

beforeAll(async () => {
  hash = await makeSlowHash(RIGHT);
});

describe('a slow hash', () => {
  it('has the form of its kind, and another salt each time', async () => {
    expect(parseSlowHash(hash)).toMatchObject({ cost: 32_768, blockSize: 8, parallelization: 3 });
    expect(await makeSlowHash(RIGHT)).not.toBe(hash);
  });

  it.each([
    '',
    '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA',
    '$scrypt$ln=13,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=20,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=17,r=32,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=15,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('that is too weak, too dear or something else is none: %s', (text) => {
    expect(parseSlowHash(text)).toBeUndefined();
  });
});

describe('slow passwords', () => {
  it('are right or wrong, and remembered for their user and hash only when right', async () => {
    const slow = new SlowPasswords();
    expect(await slow.judge('ann', '10.0.0.1', [hash], Buffer.from('wrong'))).toBeUndefined();
    expect(slow.known('ann', [hash], Buffer.from('wrong'))).toBeUndefined();
    expect(await slow.judge('ann', '10.0.0.1', [hash], RIGHT)).toBe(hash);
    expect(slow.known('ann', [hash], RIGHT)).toBe(hash);
    expect(slow.known('bob', [hash], RIGHT)).toBeUndefined();
    expect(slow.known('ann', [], RIGHT)).toBeUndefined();
  });

  it('cost an unknown user work, and open nothing', async () => {
    expect(await new SlowPasswords().judge('nobody', '10.0.0.1', [], RIGHT)).toBeUndefined();
  });

  it('are judged one at a time for a user from an address, and a few for an address', async () => {
    const slow = new SlowPasswords();
    const first = slow.judge('ann', '10.0.0.1', [hash], RIGHT);
    expect(slow.hasRoom('ann', '10.0.0.1')).toBe(false);
    expect(slow.hasRoom('ann', '10.0.0.2')).toBe(true);
    const others = Array.from({ length: SLOW_HASHES_PER_ADDRESS_MAX - 1 }, (_, i) =>
      slow.judge(`user ${i}`, '10.0.0.1', [], RIGHT),
    );
    expect(slow.hasRoom('zoe', '10.0.0.1')).toBe(false);
    expect(slow.hasRoom('zoe', '10.0.0.2')).toBe(true);
    await Promise.all([first, ...others]);
    expect(slow.hasRoom('ann', '10.0.0.1')).toBe(true);
  });
});
