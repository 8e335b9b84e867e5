/** Says how far loading has come: in the log, and as a bar where a person looks at a terminal. */
import { LOAD_PROGRESS_MS } from '../base/limits.ts';
import type { DurabilityStatus } from '../command/ports/durability.ts';
import type { Log } from '../observe/log.ts';

const BAR_CELLS = 40;

export class LoadProgress {
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly isTerminal: boolean;

  constructor(log: Log, status: () => DurabilityStatus) {
    this.isTerminal = process.stderr.isTTY === true;
    this.timer = setInterval(() => {
      const { loadedBytes, loadTotalBytes } = status();
      if (loadTotalBytes === 0) return;
      const percent = Math.floor((loadedBytes / loadTotalBytes) * 100);
      if (this.isTerminal) process.stderr.write(`\r${bar(percent)}`);
      else log.write('info', 'store.loading', 'the data is being loaded', { percent, loadedBytes, loadTotalBytes });
    }, LOAD_PROGRESS_MS);
    this.timer.unref();
  }

  end(): void {
    clearInterval(this.timer);
    if (this.isTerminal) process.stderr.write(`\r${' '.repeat(bar(100).length)}\r`);
  }
}

function bar(percent: number): string {
  const filled = Math.floor((percent * BAR_CELLS) / 100);
  return `loading [${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${percent} %`;
}
