/** The limit of a tenant is kept whatever is written last, rounding of blocks and growth of indexes included. */
import { expect, it } from 'vitest';
import { Harness } from '../support/harness.ts';

const PLUS = 0x2b;
const SIZES = [100_000, 10_000, 100, 1];

it('R137: no write passes the limit, wherever it is', () => {
  for (let round = 0; round < 60; round++) {
    const limitBytes = 2_000_000 + round * 12_345;
    const harness = new Harness({ limitBytes });
    const session = harness.session();
    const { account } = harness.shard.realm(0);
    for (let i = 0; i < round * 3; i++) session.run(['RPUSH', 'list', 'x'.repeat(100)]);
    let key = 0;
    for (const bytes of SIZES) {
      const value = 'x'.repeat(bytes);
      while (session.run(['SET', `key:${key}`, value])[0] === PLUS) key++;
    }
    expect(account.usedBytes()).toBeLessThanOrEqual(limitBytes);
    expect(account.usedBytes()).toBeGreaterThan(limitBytes * 0.98);
  }
});
