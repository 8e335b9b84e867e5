/**
 * Ports for servers that tests start. Never one of those that the kernel gives to outgoing connections and to `listen(0)`:
 * between the look and the listening of the server, which takes a process's start, somebody else would now and then have it.
 * Never one twice in a process either: a server that is starting does not hold its port yet.
 */
import { createServer } from 'node:net';

const FIRST = 12_000;
/** Where Linux begins with its own (`net.ipv4.ip_local_port_range`). */
const END = 32_768;
/** What one process takes before it goes round. Processes that run at once have neighbouring ids: each has a range of its own. */
const RANGE = 200;
const RANGES = Math.floor((END - FIRST) / RANGE);

const first = FIRST + (process.pid % RANGES) * RANGE;
/** Not from its beginning: should two processes have the same range after all, they are somewhere else in it. */
let taken = Math.floor(Math.random() * RANGE);

export async function freePort(): Promise<number> {
  for (let tried = 0; tried < RANGE; tried++) {
    const port = first + (taken++ % RANGE);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${first} to ${first + RANGE - 1} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
