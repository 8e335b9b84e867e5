/**
 * Helper: asks for as much as it can get, in one of the ways in which one tenant could keep the others waiting. It gives way
 * to whoever measures on the same core.
 */
import net from 'node:net';
import os from 'node:os';
import { z } from 'zod';
import { runHelper } from './helper.ts';
import { encode } from './wire.ts';

const DEPTH = 10_000;
const VALUE = 'v'.repeat(1_000_000);
const OPENED_AT_ONCE = 50;
const LEAST_NICE = 19;

const taskSchema = z.object({
  port: z.number(),
  user: z.string(),
  password: z.string(),
  kind: z.enum(['deep', 'large', 'many']),
});
type Kind = z.infer<typeof taskSchema>['kind'];

interface Abuse {
  readonly connections: number;
  readonly request: Buffer;
  readonly requests: number;
  readonly replyBytes: number;
}

function abuseOf(kind: Kind): Abuse {
  const one = encode(['GET', 'bench:small']);
  const reply = '$1\r\nv\r\n'.length;
  switch (kind) {
    case 'deep':
      return { connections: 50, request: Buffer.from(one.repeat(DEPTH)), requests: DEPTH, replyBytes: DEPTH * reply };
    case 'many':
      return { connections: 500, request: Buffer.from(one), requests: 1, replyBytes: reply };
    case 'large': {
      const both = encode(['SET', 'bench:large', VALUE]) + encode(['GET', 'bench:large']);
      const replyBytes = '+OK\r\n'.length + `$${VALUE.length}\r\n\r\n`.length + VALUE.length;
      return { connections: 10, request: Buffer.from(both), requests: 2, replyBytes };
    }
  }
}

await runHelper(async (task) => {
  const { port, user, password, kind } = taskSchema.parse(task);
  os.setPriority(LEAST_NICE);
  const { connections, request, requests, replyBytes } = abuseOf(kind);
  let answered = 0;
  const begun = async (): Promise<void> => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const login = encode(['AUTH', user, password]) + encode(['SET', 'bench:small', 'v']);
    let left = '+OK\r\n+OK\r\n'.length;
    let isFirst = true;
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk) => {
        left -= chunk.length;
        if (left > 0) return;
        if (isFirst && chunk[0] !== '+'.charCodeAt(0)) return reject(new Error('the abusive tenant cannot log in'));
        if (!isFirst) answered += requests;
        isFirst = false;
        left = replyBytes;
        socket.write(request);
        resolve();
      });
      socket.write(login);
    });
  };
  for (let opened = 0; opened < connections; opened += OPENED_AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(OPENED_AT_ONCE, connections - opened) }, begun));
  }
  answered = 0;
  const from = performance.now();
  return () => JSON.stringify({ perSecond: (1000 * answered) / (performance.now() - from) });
});
