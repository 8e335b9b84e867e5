/** The text of INFO: which sections were asked for, in the one order they always have. */
import type { Picture } from './picture.ts';
import { OPERATOR_SECTIONS, SECTIONS, type Section } from './sections.ts';

const EVERY = new Set(['all', 'everything']);

/** `asked` in lower case; unknown names are passed over, as redis does. */
export function infoText(asked: readonly string[], picture: Picture): string {
  const wanted = new Set(asked);
  const everything = asked.some((name) => EVERY.has(name));
  const defaults = asked.length === 0 || wanted.has('default');
  const isWanted = ({ name, byDefault }: Section) => everything || (defaults && byDefault) || wanted.has(name);
  const isAllowed = ({ name }: Section) => picture.isOperator || !OPERATOR_SECTIONS.has(name);
  return SECTIONS.filter((section) => isWanted(section) && isAllowed(section))
    .map((section) => {
      const lines = section.lines(picture).map(([name, value]) => `${name}:${value}\r\n`);
      return `# ${section.title}\r\n${lines.join('')}`;
    })
    .join('\r\n');
}
