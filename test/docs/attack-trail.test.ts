/** The judge of what an attack leaves in the audit trail: a case that says too little or too much fails. */
import { describe, expect, it } from 'vitest';
import { type Declared, faultsOf } from '../attacks/trail.ts';

const WORLD = { runtime: 'bun', shards: 3, timed: false };

function line(action: string, outcome: string, reason?: string): string {
  return JSON.stringify({ 'event.action': action, 'event.outcome': outcome, 'event.reason': reason });
}

const DENIED_GET = line('get', 'failure', 'key');
const DENIED_SET = line('set', 'failure', 'key');
const QUIET = [
  line('login', 'success'),
  line('connection-closed', 'success', 'client_closed'),
  line('connection-closed', 'success', 'shutdown'),
  line('connection-refused', 'failure', 'handshake_failed'),
  line('config-set', 'success'),
  line('alert', 'unknown', 'guessing'),
];
const NONE: Declared = { none: 'every request is a valid one' };

function faults(declared: Declared, ...lines: readonly string[]): readonly string[] {
  return faultsOf([...QUIET, ...lines], declared, WORLD);
}

describe('a case that says what it leaves', () => {
  it('holds when all of it is there, and nothing else was denied', () => {
    expect(faults(['key: get set'], DENIED_GET, DENIED_SET, DENIED_GET)).toEqual([]);
    expect(faults(['key: *'], DENIED_GET, DENIED_SET)).toEqual([]);
    expect(faults(NONE)).toEqual([]);
  });

  it('fails when some of it is missing, or is there for another reason', () => {
    expect(faults(['key: get set'], DENIED_GET)).toEqual(["no audit record of 'key: set'"]);
    expect(faults(['key: *'])).toEqual(["no audit record of 'key: *'"]);
    expect(faults(['command: get'], DENIED_GET)).toHaveLength(2);
  });

  it('fails when more was denied than it says, or anything where it says nothing was', () => {
    expect(faults(['key: get'], DENIED_GET, DENIED_SET)).toHaveLength(1);
    for (const more of [
      DENIED_GET,
      line('login', 'failure', 'wrong_secret'),
      line('config-set', 'failure'),
      line('connection-closed', 'success', 'protocol_error'),
      line('connection-refused', 'failure', 'address_denied'),
    ]) {
      expect(faults(NONE, more), more).toHaveLength(1);
    }
  });

  it('may leave open what chance decides, and know what its world decides', () => {
    expect(faults(['key?: get'])).toEqual([]);
    expect(faults(['key?: get'], DENIED_GET)).toEqual([]);
    expect(faults(['key?: get'], DENIED_SET)).toHaveLength(1);
    expect(faults(({ shards }) => (shards === 3 ? ['key: get'] : NONE))).toHaveLength(1);
  });

  it('finds acts that succeeded by their outcome', () => {
    expect(faults(['success: config-set'])).toEqual([]);
    expect(faults(['success: tls-replaced'])).toHaveLength(1);
  });
});
