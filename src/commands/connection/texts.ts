/** What names that clients give themselves may look like, and the version that clients are told. */

/** The level of Redis whose commands and options are here; clients switch features by it. */
export const REDIS_VERSION = '7.2.0';

const EXCLAMATION_MARK = 0x21;
const TILDE = 0x7e;

/** Printable ASCII without blanks, as CLIENT LIST parts its fields by blanks. */
export function isPlainText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < EXCLAMATION_MARK || code > TILDE) return false;
  }
  return true;
}
