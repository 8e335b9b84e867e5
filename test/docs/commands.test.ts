import { expect, it } from 'vitest';
import { tableAlone } from '../../src/app/table.ts';
import { commandReference } from './command-reference.ts';

it('docs/commands.md says what the declarations say (npm test -- -u writes it)', async () => {
  await expect(commandReference(tableAlone())).toMatchFileSnapshot('../../docs/commands.md');
});
