/**
 * A text from outside as a single line: control characters, and the separators that some viewers break lines at, are
 * written as escapes, so that no text can look like two lines or steer a terminal.
 */
export function oneLine(text: string): string {
  let line = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    line += breaksLine(code) ? `\\u${code.toString(16).padStart(4, '0')}` : text.charAt(i);
  }
  return line;
}

function breaksLine(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029;
}
