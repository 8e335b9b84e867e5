/**
 * The life of a serving process: what it takes before it starts, in which order, and how it ends.
 *
 *   folder lock → certificates, passwords, policies, tables, storage (assemble) → listeners open → loaded → READY
 *   SIGHUP: reload · SIGTERM, SIGINT, SHUTDOWN: drain within a bound, then 0 · a second SIGTERM: cut at once
 *
 * Invariants: nothing that was taken outlives a start that fails; a start fails with one line; the line to paste is the
 * only thing on stdout and comes after READY.
 */
import type { Result } from '../base/result.ts';
import type { Log } from '../observe/log.ts';

/** Everything that serves, put together and not yet open. */
export interface Assembly {
  /** For stdout, without newline. */
  readonly pasteLine: string;
  /** What there is to say beside READY. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** Opens all listeners, which answer LOADING; when one cannot be opened, none is. */
  open(): Promise<Result<void>>;
  /** Loads what there is to load; afterwards commands are answered. */
  load(): Promise<Result<void>>;
  /** Policies and certificates anew. Logs how it went and keeps what is good. */
  reload(cause: string): Promise<void>;
  /** Stops accepting, finishes what was received, closes every connection; what takes too long is cut. */
  drain(reason: string): Promise<void>;
  /** Stops threads, timers and watchers. Also for an assembly that was never opened. */
  close(): Promise<void>;
}

export interface Lifetime {
  readonly log: Log;
  readonly print: (text: string) => void;
  /** Registers a handler for a signal and gives what takes it away again. */
  readonly onSignal: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', handler: () => void) => () => void;
}

/** Lets a command begin the end: SHUTDOWN is answered before there is anything to end. */
export class Ending {
  readonly asked: Promise<string>;
  private resolve: ((reason: string) => void) | undefined;

  constructor() {
    this.resolve = undefined;
    this.asked = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** The first reason counts. */
  begin(reason: string): void {
    this.resolve?.(reason);
  }
}

/** Serves until somebody ends it. The result is the exit code, or why it could not start. */
export async function live(assembly: Assembly, ending: Ending, lifetime: Lifetime): Promise<Result<number>> {
  const { log } = lifetime;
  const ends = new AbortController();
  const undo = handleSignals(assembly, ending, ends, lifetime);
  try {
    const opened = await assembly.open();
    if (!opened.ok) return opened;
    const loaded = await assembly.load();
    if (!loaded.ok) return loaded;
    log.write('info', 'server.ready', 'READY', assembly.facts);
    lifetime.print(`${assembly.pasteLine}\n`);
    const reason = await ending.asked;
    log.write('info', 'server.draining', 'finishing what was received', { reason });
    await Promise.race([assembly.drain(reason), aborted(ends.signal)]);
    log.write('info', 'server.ended', 'ended', { reason });
    return { ok: true, value: 0 };
  } finally {
    await assembly.close();
    undo();
    log.flush();
  }
}

function handleSignals(assembly: Assembly, ending: Ending, cut: AbortController, { onSignal }: Lifetime): () => void {
  let terminations = 0;
  const terminate = (signal: string) => () => {
    terminations++;
    if (terminations === 1) ending.begin(signal);
    else cut.abort();
  };
  const reload = oneAtATime(() => assembly.reload('SIGHUP'));
  const undo = [
    onSignal('SIGTERM', terminate('SIGTERM')),
    onSignal('SIGINT', terminate('SIGINT')),
    onSignal('SIGHUP', reload),
  ];
  return () => {
    for (const take of undo) take();
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** However often it is asked for while it runs, it runs once more afterwards: the last state is never missed. */
export function oneAtATime(work: () => Promise<void>): () => void {
  let isRunning = false;
  let isWanted = false;
  const run = async () => {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await work();
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
}
