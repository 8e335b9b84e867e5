/** What all shards are asked for together ends, whatever becomes of one of them. */
import { describe, expect, it } from 'vitest';
import { PoolDurability } from '../../src/shards/pool-durability.ts';
import type { ToWorker } from '../../src/shards/protocol.ts';
import { DURABILITY_SETTINGS } from '../support/durability-settings.ts';

function poolOf(isThere: (shard: number) => boolean) {
  const sent: { shard: number; message: ToWorker }[] = [];
  const durability = new PoolDurability(
    { folders: ['/0', '/1'], settings: DURABILITY_SETTINGS, tenantNumber: () => 0, line() {} },
    {
      tell(shard, message) {
        if (isThere(shard)) sent.push({ shard, message });
        return isThere(shard);
      },
      serves() {},
      fails() {},
    },
  );
  /** Those who have heard of an order carry it out. */
  const work = () => {
    for (const { shard, message } of sent.splice(0)) {
      if (message.kind !== 'persist') continue;
      durability.heard(shard, { kind: 'persisted', id: message.id, result: { ok: true, value: undefined } });
    }
  };
  return { durability, work };
}

describe('an order to all shards', () => {
  it('is carried out when all have done so', async () => {
    const { durability, work } = poolOf(() => true);
    const saved = durability.save();
    work();
    expect(await saved).toEqual({ ok: true, value: undefined });
  });

  it('fails when a shard is down, once the others have done their part', async () => {
    for (const down of [0, 1]) {
      const { durability, work } = poolOf((shard) => shard !== down);
      const saved = durability.save();
      let isOver = false;
      void saved.then(() => {
        isOver = true;
      });
      await Promise.resolve();
      expect(isOver).toBe(false);
      work();
      expect(await saved).toEqual({ ok: false, fault: `shard ${down} is down` });
    }
  });

  it('fails at once when all are down, and when one dies meanwhile', async () => {
    expect(await poolOf(() => false).durability.backup('/b', undefined)).toMatchObject({ ok: false });
    const { durability } = poolOf(() => true);
    const rewritten = durability.rewrite();
    durability.died(0);
    durability.died(1);
    expect(await rewritten).toEqual({ ok: false, fault: 'shard 0 ended' });
  });
});
