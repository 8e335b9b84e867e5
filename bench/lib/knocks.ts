/**
 * Helper: knocks at a TLS port so many times a second, whether or not the one before was let in; who is let in logs in and
 * leaves. It gives way to whoever measures on the same core.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import tls from 'node:tls';
import { z } from 'zod';
import { runHelper } from './helper.ts';
import { encode } from './wire.ts';

const LEAST_NICE = 19;
const LOOK_MS = 5;
/** Sockets that this side has open at once: past it the server would not be the one who is measured. */
const OPEN_MAX = 2000;

const taskSchema = z.object({
  port: z.number(),
  ca: z.string(),
  user: z.string(),
  password: z.string(),
  perSecond: z.number(),
});

await runHelper(async (task) => {
  const { port, ca: caFile, user, password, perSecond } = taskSchema.parse(task);
  os.setPriority(LEAST_NICE);
  const ca = readFileSync(caFile, 'utf8');
  const login = encode(['AUTH', user, password]);
  let [offered, admitted, open] = [0, 0, 0];
  const knock = (): void => {
    offered++;
    open++;
    const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca, minVersion: 'TLSv1.3' });
    socket.on('secureConnect', () => socket.write(login));
    socket.on('data', (chunk) => {
      if (chunk.toString('latin1').startsWith('+OK')) admitted++;
      socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open--);
  };
  const from = performance.now();
  setInterval(() => {
    const due = ((performance.now() - from) * perSecond) / 1000;
    while (offered < due && open < OPEN_MAX) knock();
  }, LOOK_MS);
  return () => {
    const seconds = (performance.now() - from) / 1000;
    return JSON.stringify({ offeredPerSecond: offered / seconds, admittedPerSecond: admitted / seconds });
  };
});
