/**
 * A helper is a process of our own beside the measured one: a clock or a crowd that must not share a thread with the driver.
 * It reads its task as one line of JSON, says `ready`, works until its stdin ends, and answers with one line of JSON.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Helper {
  /** Ends the work; what the helper has to say about it. */
  finish(): Promise<string>;
}

/** Nothing of a task stands on a command line, as it holds the password. A helper ends with the stdin we hold. */
export async function startHelper(file: URL, task: object): Promise<Helper> {
  const path = fileURLToPath(file);
  const child = spawn(process.execPath, [...process.execArgv, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${JSON.stringify(task)}\n`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = await lines.next();
  if (ready.done === true || ready.value !== 'ready') {
    endHelper(child);
    throw new Error('a helper of the bench ended early');
  }
  return {
    async finish() {
      child.stdin.end();
      const answer = await lines.next();
      endHelper(child);
      return answer.done === true ? '' : answer.value;
    },
  };
}

function endHelper(child: ChildProcess): void {
  child.stdin?.end();
  setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
}

/** The other side: `begin` gets ready for the task and returns what is asked of it at the end. */
export async function runHelper(begin: (task: unknown) => Promise<() => string>): Promise<never> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) process.exit(1);
  const end = await begin(JSON.parse(first.value));
  process.stdout.write('ready\n');
  while ((await lines.next()).done !== true);
  await new Promise((resolve) => process.stdout.write(`${end()}\n`, resolve));
  process.exit(0);
}
