/**
 * Notices that files in some folders changed. Folders are watched and not files, as a file replaced by rename, or by the
 * swap of a symbolic link above it, is a new file that nobody watches; and they are looked at now and then in any case, as
 * events get lost.
 *
 * ```
 *   event event event ─▶ quiet for `settle_ms`, at most `settleMax_ms` ─▶ changed()
 *   every `poll_ms`: fingerprint differs ─────────────────────────────▶ changed()
 * ```
 */
import { type FSWatcher, watch } from 'node:fs';

export interface WatchOptions {
  readonly folders: readonly string[];
  /** Cheap to make, and different after any change that matters. */
  readonly fingerprint: () => string;
  /** Told at least once after every change; also now and then without one. */
  readonly changed: () => void;
  readonly settle_ms: number;
  readonly settleMax_ms: number;
  readonly poll_ms: number;
}

export class FolderWatch {
  private readonly options: WatchOptions;
  private readonly watchers: Map<string, FSWatcher>;
  private readonly poll: ReturnType<typeof setInterval>;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private firstEventAt_ms: number;
  private seen: string;
  private isClosed: boolean;

  constructor(options: WatchOptions) {
    this.options = options;
    this.watchers = new Map();
    this.settling = undefined;
    this.firstEventAt_ms = 0;
    this.seen = options.fingerprint();
    this.isClosed = false;
    this.poll = setInterval(() => this.look(), options.poll_ms);
    this.poll.unref();
    this.arm();
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.poll);
    clearTimeout(this.settling);
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  /** Watches what is there and not watched yet; the poll finds what comes later. */
  private arm(): void {
    for (const folder of this.options.folders) {
      if (this.watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.noticed());
        watcher.on('error', () => this.drop(folder));
        this.watchers.set(folder, watcher);
      } catch {
        // Not there, or no more watches to be had: the poll will do.
      }
    }
  }

  private drop(folder: string): void {
    this.watchers.get(folder)?.close();
    this.watchers.delete(folder);
  }

  private noticed(): void {
    if (this.isClosed) return;
    const now_ms = performance.now();
    if (this.settling === undefined) this.firstEventAt_ms = now_ms;
    clearTimeout(this.settling);
    const left_ms = this.firstEventAt_ms + this.options.settleMax_ms - now_ms;
    this.settling = setTimeout(() => this.settled(), Math.max(0, Math.min(this.options.settle_ms, left_ms)));
    this.settling.unref();
  }

  private settled(): void {
    this.settling = undefined;
    if (this.isClosed) return;
    // A folder that was swapped is watched no longer, although its watcher says nothing: begin anew.
    for (const folder of Array.from(this.watchers.keys())) this.drop(folder);
    this.arm();
    this.seen = this.options.fingerprint();
    this.options.changed();
  }

  private look(): void {
    this.arm();
    if (this.settling === undefined && this.options.fingerprint() !== this.seen) this.settled();
  }
}
