/** Reads a new backup back in a thread of its own, and writes its manifest. */
import { Worker } from 'node:worker_threads';
import { failure, type Result } from '../../base/result.ts';
import type { BackupFacts, BackupManifest } from '../../persist/backup-manifest.ts';

export function sealInThread(folder: string, facts: BackupFacts): Promise<Result<BackupManifest>> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { folder, facts } });
    // A process that ends does not wait for it: what is not sealed is no backup.
    worker.unref();
    worker.once('message', (result: Result<BackupManifest>) => resolve(result));
    worker.once('error', (error: Error) => resolve(failure(`it could not be read back: ${error.message}`)));
    worker.once('exit', () => resolve(failure('the thread that reads it back has ended')));
  });
}
