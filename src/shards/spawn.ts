/** Starts a shard's thread. The only place that makes threads. */
import { Worker } from 'node:worker_threads';
import type { WorkerEvents, WorkerHandle } from './link.ts';
import type { FromWorker, WorkerBirth } from './protocol.ts';

export function spawnWorker(birth: WorkerBirth, _shard: number, events: WorkerEvents): WorkerHandle {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: birth });
  let reason = 'ended';
  worker.on('message', (message: FromWorker | ArrayBuffer) => events.message(message));
  worker.on('error', (error: Error) => {
    reason = error.message;
  });
  worker.on('exit', (code: number) => events.exited(`${reason} (exit code ${code})`));
  return {
    post: (message) => worker.postMessage(message, message instanceof ArrayBuffer ? [message] : []),
    terminate: () => worker.terminate(),
  };
}
