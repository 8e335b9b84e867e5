/** A table that reads well on a screen and in Markdown. */
export interface Table {
  readonly title: string;
  /** How the figures were made, in a sentence or two. */
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function asText({ title, note, head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return `\n${title}\n${note}\n\n${line(head)}\n${rule}\n${rows.map(line).join('\n')}\n`;
}

export function asMarkdown({ title, note, head, rows }: Table): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const rule = head.map((_, column) => (rows.every((row) => isFigure(row[column])) ? '---:' : '---'));
  return `## ${title}\n\n${note}\n\n${[line(head), `|${rule.join('|')}|`, ...rows.map(line)].join('\n')}\n`;
}

function isFigure(cell = ''): boolean {
  return /^(?:[\d.,]+(?: .+)?|–|not installed)$/.test(cell);
}

function pad(cell: string, width: number): string {
  return isFigure(cell) ? cell.padStart(width) : cell.padEnd(width);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function figure(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
}
