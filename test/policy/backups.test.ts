/** `storage: backups:` of gateway.yaml. */
import { describe, expect, it } from 'vitest';
import { policyOf, problemsOf } from './support.ts';

const backupsOf = (written: string) =>
  policyOf({ 'gateway.yaml': `storage: { backups: ${written} }\n` }).gateway.storage.backups;

describe('backups in gateway.yaml', () => {
  it.each([
    ['{ folder: /backups, every: 36h, keep: 3 }', { folder: '/backups', everySeconds: 129_600, keep: 3 }],
    ['{ every: 90 }', { folder: undefined, everySeconds: 90, keep: 7 }],
    ['{ every: 30m }', { folder: undefined, everySeconds: 1800, keep: 7 }],
    ['{ every: 2d }', { folder: undefined, everySeconds: 172_800, keep: 7 }],
    ['', { folder: undefined, everySeconds: 0, keep: 7 }],
  ])('%s', (written, meant) => {
    expect(backupsOf(written)).toEqual(meant);
  });

  it.each(['often', '-1', '1w', '1000d', '1.5h', '[1]'])('every: %s is refused, and where', (written) => {
    expect(problemsOf({ 'gateway.yaml': `storage: { backups: { every: ${written} } }\n` })).toEqual([
      'gateway.yaml:1:30: must be a time such as 3600, 30m, 24h or 7d, a year at the most',
    ]);
  });

  it('keeps at least one', () => {
    expect(problemsOf({ 'gateway.yaml': 'storage: { backups: { keep: 0 } }\n' })).toHaveLength(1);
  });
});
