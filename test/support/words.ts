/** Commands as tests write them: words, one character per byte. */
import { bytesOfLatin1 } from '../../src/base/bytes.ts';

export type Words = readonly string[];

/** The request on the wire. */
export function requestBytes(words: Words): Uint8Array {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += `$${word.length}\r\n${word}\r\n`;
  return bytesOfLatin1(text);
}

/** A word as people read it; bare when it is plain, else quoted with escapes. */
export function shownWord(word: string): string {
  if (word !== '' && /^[!#-&(-~]+$/.test(word)) return word;
  let text = '"';
  for (const character of word) {
    const code = character.charCodeAt(0);
    if (character === '"' || character === '\\') text += `\\${character}`;
    else if (character === '\n') text += '\\n';
    else if (character === '\r') text += '\\r';
    else if (character === '\t') text += '\\t';
    else if (code < 0x20 || code > 0x7e) text += `\\x${code.toString(16).padStart(2, '0')}`;
    else text += character;
  }
  return `${text}"`;
}

export function shown(words: Words): string {
  return words.map(shownWord).join(' ');
}

/** The words of a line: blanks part them, double quotes hold them together, `\x41` and its like stand for bytes. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)) {
    words.push(plain ?? unescaped(quoted ?? ''));
  }
  return words;
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return text.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (named[code] ?? code),
  );
}
