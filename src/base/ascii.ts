/**
 * The one case folding in the project: ASCII letters on bytes, by table. Unicode folding would make `ſet` equal `SET`
 * and let an ACL rule and a command look-up disagree, so neither may use anything else.
 *
 * Hot path: command look-up folds every name. Guarded by the P16 rows of `npm run bench`.
 */

/** `upper[b]` is the upper-case byte of `b`, every non-letter unchanged. */
export const upper: Uint8Array = new Uint8Array(256);
/** `lower[b]` is the lower-case byte of `b`, every non-letter unchanged. */
export const lower: Uint8Array = new Uint8Array(256);

for (let byte = 0; byte < 256; byte++) {
  upper[byte] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
  lower[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** Lower-cases ASCII letters of a text and nothing else. */
export function asciiLower(text: string): string {
  let folded = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    folded += code < 128 ? String.fromCharCode(lower[code] as number) : text.charAt(i);
  }
  return folded;
}

/** The range as text, one character per byte, letters in lower case. */
export function foldedText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(lower[bytes[i] as number] as number);
  return text;
}

/** Whether a range spells `word`, letters in any case. `word` must be given in upper case. */
export function spells(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (upper[bytes[start + i] as number] !== word[i]) return false;
  return true;
}
