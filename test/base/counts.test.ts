import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Counts } from '../../src/base/counts.ts';

it('counts what a plain list holds, and keeps nothing of what is gone', () => {
  const step = fc.record({ name: fc.constantFrom('a', 'b', '', '__proto__'), isOneMore: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const counts = new Counts<string>();
      const list: string[] = [];
      for (const { name, isOneMore } of steps) {
        const at = list.indexOf(name);
        if (isOneMore) list.push(name);
        else if (at >= 0) list.splice(at, 1);
        if (isOneMore) counts.add(name);
        else if (at >= 0) counts.remove(name);
        expect(counts.of(name)).toBe(list.filter((one) => one === name).length);
        expect(new Set(counts.keys())).toEqual(new Set(list));
        expect(counts.size).toBe(new Set(list).size);
      }
    }),
  );
});
