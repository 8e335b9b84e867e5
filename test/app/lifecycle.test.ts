import { describe, expect, it } from 'vitest';
import { type Assembly, Ending, type Lifetime, live, oneAtATime } from '../../src/app/lifecycle.ts';
import { failure, success } from '../../src/base/result.ts';

function world(parts: Partial<Assembly> = {}) {
  const story: string[] = [];
  const handlers = new Map<string, () => void>();
  const note = (what: string) => {
    story.push(what);
    return success(undefined);
  };
  const assembly: Assembly = {
    pasteLine: 'redis-cli',
    facts: {},
    open: async () => note('open'),
    load: async () => note('load'),
    reload: async () => void story.push('reload'),
    drain: async () => void story.push('drain'),
    close: async () => void story.push('close'),
    ...parts,
  };
  const lifetime: Lifetime = {
    log: { write: (_level, event) => story.push(event), flush: () => story.push('flush'), setLevel: () => {} },
    print: (text) => story.push(`print ${text.trim()}`),
    onSignal(signal, handler) {
      handlers.set(signal, handler);
      return () => handlers.delete(signal);
    },
  };
  const ending = new Ending();
  const lived = live(assembly, ending, lifetime);
  const signal = (name: string) => handlers.get(name)?.();
  return { story, signal, ending, lived, handlers };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the life of a process', () => {
  it('opens, loads, says READY, prints the line, and ends in order at a signal', async () => {
    const { story, signal, lived, handlers } = world();
    await turn();
    signal('SIGHUP');
    await turn();
    signal('SIGTERM');
    expect(await lived).toEqual({ ok: true, value: 0 });
    expect(story).toEqual([
      'open',
      'load',
      'server.ready',
      'print redis-cli',
      'reload',
      'server.draining',
      'drain',
      'server.ended',
      'close',
      'flush',
    ]);
    expect(handlers.size).toBe(0);
  });

  it('says nothing of being ready when it cannot open or load, and gives everything back', async () => {
    for (const name of ['open', 'load'] as const) {
      const { story, lived } = world({ [name]: async () => failure('busy') });
      expect(await lived).toEqual({ ok: false, fault: 'busy' });
      expect(story.join(' ')).not.toContain('ready');
      expect(story.slice(-2)).toEqual(['close', 'flush']);
    }
  });

  it('a signal that comes while it starts is not lost', async () => {
    const { signal, lived } = world();
    signal('SIGINT');
    expect(await lived).toEqual({ ok: true, value: 0 });
  });

  it('a second signal cuts a drain that takes long', async () => {
    const { signal, lived } = world({ drain: () => new Promise(() => {}) });
    signal('SIGTERM');
    await turn();
    signal('SIGTERM');
    expect(await lived).toEqual({ ok: true, value: 0 });
  });
});

describe('a reload', () => {
  it('runs one at a time, and once more when it was asked for meanwhile', async () => {
    let runs = 0;
    let together = 0;
    let most = 0;
    const ask = oneAtATime(async () => {
      runs++;
      together++;
      most = Math.max(most, together);
      await turn();
      together--;
    });
    for (let i = 0; i < 10; i++) ask();
    for (let i = 0; i < 10; i++) await turn();
    expect([runs, most]).toEqual([2, 1]);
    ask();
    await turn();
    expect(runs).toBe(3);
  });
});
