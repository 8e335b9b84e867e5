/** A watched folder tells of every change at least once, whichever way the files were changed. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskPolicyFiles } from '../../src/disk/policy-files.ts';
import { FolderWatch } from '../../src/disk/watch.ts';

let root: string;
let folder: string;
let open: FolderWatch[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'watch-'));
  folder = join(root, 'policies');
  mkdirSync(join(folder, 'tenants'), { recursive: true });
  open = [];
});
afterEach(() => {
  for (const one of open) one.close();
  rmSync(root, { recursive: true, force: true });
});

/** Long enough that a test can tell a poll from an event. */
const NEVER_MS = 3_600_000;

class Listener {
  count = 0;
  private readonly waiting: (() => void)[] = [];

  readonly changed = (): void => {
    this.count++;
    for (const resolve of this.waiting.splice(0)) resolve();
  };

  next(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

function watched(poll_ms = NEVER_MS, folders?: readonly string[]): { listener: Listener; watch: FolderWatch } {
  const files = new DiskPolicyFiles(folder, root);
  const listener = new Listener();
  const watch = new FolderWatch({
    folders: folders ?? files.watchedFolders(),
    fingerprint: () => files.fingerprint(),
    changed: listener.changed,
    settle_ms: 5,
    settleMax_ms: 50,
    poll_ms,
  });
  open.push(watch);
  return { listener, watch };
}

function put(path: string, text: string): void {
  writeFileSync(join(folder, path), text);
}

/** A change that is told by the next call. */
async function told(listener: Listener, change: () => void): Promise<void> {
  const next = listener.next();
  change();
  await next;
}

describe('a watched folder', () => {
  it('tells of files written, replaced by rename, and removed, below it too', async () => {
    const { listener } = watched();
    await told(listener, () => put('gateway.yaml', 'a'));
    await told(listener, () => put('gateway.yaml', 'b'));
    for (let i = 0; i < 3; i++) {
      await told(listener, () => {
        put('tenants/.new', `${i}`);
        renameSync(join(folder, 'tenants/.new'), join(folder, 'tenants/a.yaml'));
      });
    }
    await told(listener, () => rmSync(join(folder, 'tenants/a.yaml')));
  });

  it('tells again after it told', async () => {
    const { listener } = watched();
    for (let i = 0; i < 5; i++) await told(listener, () => put('gateway.yaml', `${i}`));
    expect(listener.count).toBeGreaterThanOrEqual(5);
  });

  it('makes few calls of many events, and the last one comes after the last event', async () => {
    const { listener } = watched();
    let atLastCall = '';
    const files = new DiskPolicyFiles(folder, root);
    const last = new Promise<void>((resolve) => {
      const ask = () => {
        atLastCall = files.fingerprint();
        if (atLastCall.includes('tenants/499.yaml')) resolve();
        else void listener.next().then(ask);
      };
      void listener.next().then(ask);
    });
    for (let i = 0; i < 500; i++) put(`tenants/${i}.yaml`, `${i}`);
    await last;
    expect(atLastCall).toBe(files.fingerprint());
    expect(listener.count).toBeLessThan(100);
  });

  it('is put off by a stream of events no longer than the maximum', async () => {
    const { listener } = watched();
    const next = listener.next();
    const writing = setInterval(() => put('gateway.yaml', `${Math.random()}`), 1);
    await next;
    clearInterval(writing);
    expect(listener.count).toBe(1);
  });

  it('tells nothing after it was closed', async () => {
    const { listener, watch } = watched(5);
    put('gateway.yaml', 'a');
    watch.close();
    put('gateway.yaml', 'ab');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(listener.count).toBe(0);
  });
});

describe('the poll', () => {
  it('finds what no event told of: a swapped link above the folder', async () => {
    rmSync(folder, { recursive: true });
    for (const version of ['v1', 'v2', 'v3']) {
      mkdirSync(join(root, version, 'tenants'), { recursive: true });
      writeFileSync(join(root, version, 'gateway.yaml'), version);
    }
    symlinkSync('v1', folder);
    const { listener } = watched(5);
    const swap = (version: string) => {
      symlinkSync(version, join(root, 'next'));
      renameSync(join(root, 'next'), folder);
    };
    await told(listener, () => swap('v2'));
    await told(listener, () => swap('v3'));
    // The new folder is the one that is watched from then on.
    await told(listener, () => put('gateway.yaml', 'in the third'));
  });

  it('finds a folder that comes only later, and its loss', async () => {
    rmSync(folder, { recursive: true });
    const { listener } = watched(5);
    await told(listener, () => {
      mkdirSync(join(folder, 'tenants'), { recursive: true });
      put('gateway.yaml', 'x');
    });
    await told(listener, () => rmSync(folder, { recursive: true }));
  });

  it('alone is enough, where no folder can be watched', async () => {
    const { listener } = watched(5, [join(root, 'nowhere')]);
    await told(listener, () => put('gateway.yaml', 'a'));
    await told(listener, () => put('gateway.yaml', 'ab'));
  });

  it('calls nobody while nothing changes', async () => {
    put('gateway.yaml', 'a');
    const { listener } = watched(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(listener.count).toBe(0);
  });
});
