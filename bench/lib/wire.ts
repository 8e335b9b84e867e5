/** A connection of the bench's own: pipelines of requests, whose replies are counted in lines and otherwise not read. */
import net from 'node:net';
import { PASSWORD, USER } from './policy.ts';

const BATCH_REQUESTS = 500;
const LF = 0x0a;
const ERROR_MARKER = 0x2d;

export type Words = readonly string[];

export function encode(words: Words): string {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
  return text;
}

/** Sends a few requests that answer with one line each. */
export function ask(port: number, requests: readonly Words[]): Promise<void> {
  return send(port, requests.length, 1, (i) => requests[i] ?? []);
}

/**
 * Sends `count` requests over one connection in batches, each after the replies of the one before. A reply must have
 * `replyLines` lines, and only an error may begin with a minus.
 */
export function send(port: number, count: number, replyLines: number, request: (i: number) => Words): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let sent = 0;
    // The login's line comes first.
    let linesDue = 1;
    const sendMore = (): void => {
      if (sent === count) {
        resolve();
        socket.destroy();
        return;
      }
      const batch = Math.min(BATCH_REQUESTS, count - sent);
      let text = '';
      for (let i = 0; i < batch; i++) text += encode(request(sent + i));
      sent += batch;
      linesDue = batch * replyLines;
      socket.write(text);
    };
    let atLineStart = true;
    socket.on('data', (chunk) => {
      for (const byte of chunk) {
        if (atLineStart && byte === ERROR_MARKER) reject(new Error(`refused: ${chunk.toString().slice(0, 200)}`));
        atLineStart = byte === LF;
        if (atLineStart) linesDue--;
      }
      if (linesDue === 0) sendMore();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection')));
    socket.write(encode(['AUTH', USER, PASSWORD]));
  });
}
