/** Reads the wire cases of the Markdown files beside this one; requests.md says what they look like. */
import { readdirSync, readFileSync } from 'node:fs';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import {
  CROSS_PROTOCOL,
  Decoder,
  NEED_MORE,
  PROTOCOL_ERROR,
  QUERY_BUFFER_FULL,
  REQUEST,
  TLS_ON_PLAIN,
} from '../../src/resp/decoder.ts';
import { type DecoderLimits, REDIS_LIMITS, STRANGER_LIMITS } from '../../src/resp/wire-limits.ts';

export interface WireCase {
  readonly file: string;
  readonly title: string;
  readonly flags: ReadonlySet<string>;
  readonly bytes: Uint8Array;
  /** The expected events, unescaped. */
  readonly events: readonly string[];
}

export function wireCases(): WireCase[] {
  const cases: WireCase[] = [];
  for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.md'))) {
    const text = readFileSync(`${import.meta.dirname}/${file}`, 'utf8');
    const sections = text.split(/^## /m).slice(1);
    for (const section of sections) {
      const found = /```wire(.*)\n([\s\S]*?)```\n```events\n([\s\S]*?)```/.exec(section);
      if (found === null) throw new Error(`${file}: a case without blocks: ${section.slice(0, 40)}`);
      const [, flags = '', wire = '', events = ''] = found;
      cases.push({
        file,
        title: section.slice(0, section.indexOf('\n')),
        flags: new Set(flags.split(' ').filter((flag) => flag !== '')),
        bytes: bytesOfLatin1(unescaped(wire.replaceAll('\n', ''))),
        events: events.trimEnd().split('\n').map(unescaped),
      });
    }
  }
  return cases;
}

const simple: Record<string, string> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' };

function unescaped(text: string): string {
  return text
    .replace(/\\\{(.+?)\*(\d+)\}/g, (_, piece: string, times: string) => piece.repeat(Number(times)))
    .replace(/\\(x[0-9a-f]{2}|[rnt0\\])/g, (_, sequence: string) =>
      sequence.startsWith('x') && sequence.length === 3
        ? String.fromCharCode(Number.parseInt(sequence.slice(1), 16))
        : (simple[sequence] ?? ''),
    );
}

export function limitsOf(flags: ReadonlySet<string>): DecoderLimits {
  const limits = flags.has('stranger') ? STRANGER_LIMITS : REDIS_LIMITS;
  return flags.has('small') ? { ...limits, queryBufferBytesMax: 2000 } : limits;
}

/** Drains the decoder as a gateway does; the events are those of the wire cases. False when the connection is over. */
export function drain(decoder: Decoder, events: string[]): boolean {
  for (;;) {
    const status = decoder.next();
    switch (status) {
      case REQUEST: {
        const { request } = decoder;
        let words = '';
        for (let i = 0; i < request.argc; i++) words += ` "${request.text(i)}"`;
        events.push(`request${words}`);
        if (request.text(0) === 'AUTH') decoder.setLimits(REDIS_LIMITS);
        break;
      }
      case NEED_MORE:
        decoder.settle();
        return true;
      case PROTOCOL_ERROR:
        events.push(`error "${decoder.error?.text}"`);
        return false;
      case CROSS_PROTOCOL:
        events.push('http');
        return false;
      case TLS_ON_PLAIN:
        events.push('tls');
        return false;
      case QUERY_BUFFER_FULL:
        events.push('full');
        return false;
    }
  }
}

/** What the decoder makes of these chunks, in the words of the wire cases. */
export function eventsOf(chunks: readonly Uint8Array[], limits: DecoderLimits): string[] {
  const decoder = new Decoder(limits);
  const events: string[] = [];
  for (const chunk of chunks) {
    // A fresh copy each, overwritten afterwards: whatever still points into a settled chunk would show.
    const lent = Uint8Array.from(chunk);
    decoder.feed(lent);
    const open = drain(decoder, events);
    lent.fill(0x21);
    if (!open) return events;
  }
  if (decoder.bufferedBytes > 0) events.push(`left ${decoder.bufferedBytes}`);
  return events;
}
