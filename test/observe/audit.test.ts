/** The audit trail: what it holds is what happened, and whoever changes it is found out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AUDIT_BATCH_BYTES, AUDIT_QUEUE_BYTES_MAX, AUDIT_SYNC_MS } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import { LineWriter } from '../../src/observe/audit-line.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { seed } from '../support/seed.ts';
import { actionsOf, filesOf, KEY, PATH, problemsOf, say, textOf, trailOn, verify } from './audit-world.ts';

function sample(batches: number, key?: Uint8Array): string {
  const trail = trailOn(new FakeDisk(), key === undefined ? {} : { key });
  for (let batch = 0; batch < batches; batch++) {
    for (let line = 0; line <= batch % 4; line++) say(trail, `act-${batch}-${line}`);
    trail.journal.flush();
  }
  trail.journal.close('ended');
  return textOf(trail.disk);
}

describe('a line', () => {
  it('is one line of printable ASCII that parses to what was put in, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (text, bytes) => {
        const line = new LineWriter(16);
        line.text(text, 1000);
        const shownText = line.bytes.toString('latin1', 0, line.length);
        line.reset();
        line.range(bytes, 0, bytes.length, 1000);
        const shownBytes = line.bytes.toString('latin1', 0, line.length);
        expect(`${shownText}${shownBytes}`).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(shownText)).toBe(text);
        expect(JSON.parse(shownBytes)).toBe(Buffer.from(bytes).toString('latin1'));
      }),
    );
  });

  it('writes numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (value) => {
        const line = new LineWriter(4);
        line.integer(value);
        expect(line.bytes.toString('latin1', 0, line.length)).toBe(String(value));
      }),
    );
  });

  it('cuts what is long, and says so', () => {
    const line = new LineWriter(16);
    line.text('x'.repeat(50), 10);
    expect(line.bytes.toString('latin1', 0, line.length)).toBe(`"${'x'.repeat(10)}..."`);
  });
});

describe('the trail', () => {
  it('has numbers without gaps and is whole', () => {
    const text = sample(9);
    expect(verify(text)).toMatchObject({ problems: [], notes: [], firstSequence: 1 });
    const numbers = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)['event.sequence']);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('goes on in the next process, and across files', () => {
    const disk = new FakeDisk();
    for (let start = 0; start < 4; start++) {
      const trail = trailOn(disk, { rotateBytes: 2000 });
      for (let i = 0; i < 5; i++) {
        say(trail, `act-${start}-${i}`);
        trail.journal.flush();
      }
      trail.journal.close('ended');
    }
    expect(filesOf(disk).length).toBeGreaterThan(4);
    expect(verify(textOf(disk))).toMatchObject({ problems: [], notes: [] });
  });

  it('keeps as many old files as it is told, and says that what was before is not here', () => {
    const disk = new FakeDisk();
    const trail = trailOn(disk, { rotateBytes: 1000, keep: 2 });
    for (let i = 0; i < 30; i++) {
      say(trail, 'act');
      trail.journal.flush();
    }
    expect(filesOf(disk).length).toBeLessThanOrEqual(3);
    const { problems, notes } = verify(textOf(disk));
    expect(problems).toEqual([]);
    expect(notes[0]).toMatch(/what came before number \d+ is not here/);
  });

  it('is written when there is a batch of it, without waiting for anybody', () => {
    const trail = trailOn();
    while (trail.disk.bytesOf(PATH)?.length === 0) say(trail, 'act');
    expect(trail.disk.bytesOf(PATH)?.length).toBeGreaterThan(AUDIT_BATCH_BYTES);
  });

  it('is synced within a second', () => {
    const trail = trailOn();
    say(trail, 'act');
    trail.clock.now += AUDIT_SYNC_MS;
    trail.journal.tick();
    expect(trail.disk.events.some(({ operation }) => operation === 'sync')).toBe(true);
  });
});

describe('whoever changes the trail', () => {
  const text = sample(8);
  const keyed = sample(8, KEY);
  const at = fc.nat(1_000_000);

  const tamperings: readonly (readonly [string, (lines: string[], a: number, b: number) => string[]])[] = [
    ['takes a line out', (lines, a) => lines.toSpliced(a % (lines.length - 1), 1)],
    ['puts a line in twice', (lines, a) => lines.toSpliced(a % lines.length, 0, lines[a % lines.length] ?? '')],
    ['puts in a line of his own', (lines, a) => lines.toSpliced(a % lines.length, 0, '{"event.action":"mine"}')],
    [
      'swaps two lines',
      (lines, a, b) => {
        const [i, j] = [a % lines.length, b % lines.length];
        const swapped = lines.with(i, lines[j] ?? '').with(j, lines[i] ?? '');
        return i === j ? lines.slice(1, -1) : swapped;
      },
    ],
    [
      'changes a byte',
      (lines, a, b) => {
        const line = lines[a % lines.length] ?? '';
        const place = b % line.length;
        const changed = line.charAt(place) === 'x' ? 'y' : 'x';
        return lines.with(a % lines.length, line.slice(0, place) + changed + line.slice(place + 1));
      },
    ],
    ['cuts a line short', (lines, a) => lines.with(a % lines.length, (lines[a % lines.length] ?? '').slice(0, -1))],
  ];

  it.each(tamperings)('%s, is found out', (_, tamper) => {
    fc.assert(
      fc.property(at, at, (a, b) => {
        const lines = text.trimEnd().split('\n');
        const verdict = verify(`${tamper(lines, a, b).join('\n')}\n`, undefined, undefined);
        // Of a trail that is cut at its beginning, or between batches at its end, that is all there is to say.
        const isOnlyCut = verdict.notes.length > 0 && text.includes(tamper(lines, a, b).join('\n'));
        expect(verdict.problems.length > 0 || isOnlyCut).toBe(true);
      }),
    );
  });

  it('and seals it anew, is found out by who has the key', () => {
    const forged = text.replace('act-3-1', 'act-3-9');
    expect(problemsOf(forged)).toHaveLength(1);
    expect(problemsOf(keyed, KEY)).toEqual([]);
    expect(problemsOf(keyed, Buffer.from('another key of thirty-two bytes, or more'))).not.toEqual([]);
    expect(problemsOf(keyed.replace('act-3-1', 'act-3-9'), KEY)).toHaveLength(1);
    // Everything made again without the key, from the first line on.
    expect(problemsOf(text, KEY)[0]).toMatch(/made without the key/);
  });

  it('without the key only numbers and order can be checked, and that is said', () => {
    const { problems, notes } = verify(keyed.replace('act-3-1', 'act-3-9'));
    expect(problems).toEqual([]);
    expect(notes[0]).toMatch(/without it only numbers and order/);
  });

  it('and cuts off its end, is found out by a seal that was noted', () => {
    const { lastSeal } = verify(text);
    const lines = text.trimEnd().split('\n');
    const seals = lines.flatMap((line, index) => (line.includes('"audit-seal"') ? [index] : []));
    const cut = `${lines.slice(0, (seals.at(-3) ?? 0) + 1).join('\n')}\n`;
    expect(problemsOf(cut)).toEqual([]);
    expect(problemsOf(text, undefined, lastSeal)).toEqual([]);
    expect(problemsOf(cut, undefined, lastSeal)[0]).toMatch(/is not here: the end was cut off/);
  });

  it('is told which lines', () => {
    const lines = text.trimEnd().split('\n');
    expect(problemsOf(`${lines.toSpliced(4, 2).join('\n')}\n`)[0]).toBe('5: lines 5 to 6 are missing');
  });
});

describe('a process that is cut down', () => {
  it('leaves a trail that the next goes on with, after a power cut at any moment', () => {
    const trail = trailOn(new FakeDisk(), { rotateBytes: 1500 });
    for (let i = 0; i < 12; i++) {
      say(trail, `act-${i}`);
      if (i % 3 === 0) trail.journal.syncNow();
      else if (i % 2 === 0) trail.journal.flush();
    }
    for (const { disk } of trail.disk.crashStates(new Prng(seed), 60)) {
      const next = trailOn(disk);
      say(next, 'afterwards');
      next.journal.close('ended');
      const { problems } = verify(textOf(disk));
      const unexplained = problems.filter(({ what }) => !/missing|a new chain begins here|behind number/.test(what));
      expect(unexplained).toEqual([]);
      expect(actionsOf(disk)).toContain('afterwards');
    }
  });

  it('leaves a line that is not whole: it is cut off, the lines before it are sealed, and a record says so', () => {
    const trail = trailOn();
    say(trail, 'one');
    trail.journal.flush();
    say(trail, 'two');
    say(trail, 'three');
    trail.journal.flush();
    const bytes = trail.disk.bytesOf(PATH) ?? new Uint8Array();
    const text = Buffer.from(bytes).toString('latin1');
    for (let length = text.indexOf('"two"'); length < bytes.length; length += 7) {
      const disk = new FakeDisk();
      disk.put(PATH, bytes.slice(0, length));
      const next = trailOn(disk);
      next.journal.close('ended');
      expect(verify(textOf(disk)).problems).toEqual([]);
      if (!text.slice(0, length).endsWith('\n')) expect(actionsOf(disk)).toContain('audit-recovered');
    }
  });

  it('loses nothing that was synced', () => {
    const trail = trailOn();
    say(trail, 'safe');
    expect(trail.journal.syncNow()).toBe(true);
    say(trail, 'perhaps');
    trail.journal.flush();
    for (const { disk } of trail.disk
      .crashStates(new Prng(seed), 40)
      .filter(({ event }) => event === trail.disk.events.length)) {
      expect(textOf(disk)).toContain('"event.action":"safe"');
    }
  });

  it('begins a new chain where the file ends in something else, and leaves that file alone', () => {
    const disk = new FakeDisk();
    disk.put(PATH, Buffer.from('not ours\n'));
    const next = trailOn(disk);
    next.journal.close('ended');
    expect(Buffer.from(disk.bytesOf(PATH) ?? []).toString()).toContain('audit-restarted');
    expect(disk.list('/data/audit')).toMatchObject({ ok: true, value: expect.objectContaining({ length: 2 }) });
  });
});

describe('a disk that fails', () => {
  it('is told of once; what came meanwhile is written when it works again, in order and whole', () => {
    const trail = trailOn();
    say(trail, 'before');
    trail.journal.flush();
    trail.disk.failAt(1, 'EIO', 'write', { fromThenOn: true, partialBytes: 100 });
    say(trail, 'during');
    expect(trail.journal.flush()).toBe(false);
    trail.journal.tick();
    expect(trail.journal.isRefusing).toBe(true);
    trail.disk.heal();
    trail.journal.tick();
    expect(trail.journal.isRefusing).toBe(false);
    expect(trail.faults).toEqual([expect.stringContaining('ENOSPC'), undefined]);
    trail.journal.close('ended');
    expect(actionsOf(trail.disk)).toEqual(['audit-opened', 'before', 'during', 'audit-closed']);
    expect(verify(textOf(trail.disk)).problems).toEqual([]);
  });

  it('that is full costs no line, and what does not fit into memory is counted in the trail', () => {
    const trail = trailOn(new FakeDisk(), { onFailure: 'drop' });
    trail.journal.flush();
    trail.disk.capacityBytes = trail.disk.usedBytes + 50;
    while (trail.journal.figures.dropped < 3) say(trail, 'a'.repeat(100));
    expect(trail.journal.line.length).toBeLessThan(AUDIT_QUEUE_BYTES_MAX + 1000);
    expect(trail.journal.isRefusing).toBe(false);
    expect(trail.journal.isFailing).toBe(true);
    trail.disk.capacityBytes = Number.POSITIVE_INFINITY;
    trail.journal.tick();
    trail.journal.close('ended');
    const lost =
      textOf(trail.disk)
        .split('\n')
        .find((line) => line.includes('"audit-lost"')) ?? '{}';
    expect(JSON.parse(lost)).toMatchObject({ 'portcullis.count': 3, 'event.outcome': 'failure' });
    expect(verify(textOf(trail.disk)).problems).toEqual([]);
  });

  it('that does not sync refuses who waits, and the trail goes on in another file', async () => {
    const trail = trailOn();
    trail.disk.failAt(1, 'EIO', 'synced');
    say(trail, 'act');
    expect(await new Promise((resolve) => trail.journal.sync(resolve))).toBe(false);
    expect(trail.journal.isRefusing).toBe(true);
    trail.journal.tick();
    expect(trail.journal.isRefusing).toBe(false);
    expect(await new Promise((resolve) => trail.journal.sync(resolve))).toBe(true);
    expect(filesOf(trail.disk)).toHaveLength(2);
    trail.journal.close('ended');
    expect(actionsOf(trail.disk)).toEqual(['audit-opened', 'act', 'audit-sync-failed', 'audit-closed']);
    expect(verify(textOf(trail.disk)).problems).toEqual([]);
  });

  it('is not what it looks like when a file has just become full: who waits then is safe', async () => {
    const trail = trailOn(new FakeDisk(), { rotateBytes: 700 });
    for (let i = 0; i < 10; i++) {
      say(trail, `act-${i}`);
      expect(await new Promise((resolve) => trail.journal.sync(resolve))).toBe(true);
      say(trail, `act-${i}`);
      expect(trail.journal.syncNow()).toBe(true);
    }
    expect(trail.faults).toEqual([]);
  });

  it('waits together for one sync, and never twice at a time', () => {
    const trail = trailOn();
    trail.disk.manualSyncs = true;
    const answers: number[] = [];
    for (let i = 0; i < 5; i++) {
      say(trail, 'act');
      trail.journal.sync(() => answers.push(i));
    }
    expect(trail.disk.syncsPending).toBe(1);
    trail.disk.completeSyncs();
    expect(answers).toEqual([0]);
    expect(trail.disk.syncsPending).toBe(1);
    trail.disk.completeSyncs();
    expect(answers).toEqual([0, 1, 2, 3, 4]);
  });
});
