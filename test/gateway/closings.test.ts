/** Whose sessions `diff` says would end are those whom the gateway closes, over every pair of what a user was and is. */
import { afterEach, describe, expect, it } from 'vitest';
import { closedUsers } from '../../src/policy/diff.ts';
import { World } from './world.ts';

const BEFORE = ['on >pw', 'on >pw >other', 'on nopass', 'on >pw ~a +@all'];
const AFTER = [...BEFORE, 'on >other', 'on >other >third', 'off >pw', 'on', 'off', 'on >pw -@all'];

let world: World;
afterEach(() => world.end());

describe('the connections of a user', () => {
  for (const before of BEFORE) {
    it.each([...AFTER, 'of another tenant', 'gone'])(`who was "${before}" and is "%s" end as it was told`, (after) => {
      world = new World();
      world.tenant('t1');
      world.tenant('t2');
      world.enter(world.user('ann', 't1', ...before.split(' ')));
      const ann = world.login('ann');
      const old = world.acl.roster;
      if (after === 'gone') world.enter();
      else if (after === 'of another tenant') world.enter(world.user('ann', 't2', ...before.split(' ')));
      else world.enter(world.user('ann', 't1', ...after.split(' ')));
      world.ask(ann, 'PING');
      expect(closedUsers(old, world.acl.roster)).toEqual(ann.connection.state === 'closed' ? ['ann'] : []);
    });
  }

  it('who came with a password of ACL SETUSER end when the files, which know it not, are in force again', () => {
    world = new World();
    world.tenant('t1');
    world.enter({ ...world.user('ann', 't1', 'on', '>pw', '+@all'), origin: 'runtime' });
    const ann = world.login('ann');
    const old = world.acl.roster;
    world.enter(world.user('ann', 't1', 'on', '>of-the-file', '+@all'));
    expect(closedUsers(old, world.acl.roster)).toEqual(['ann']);
    expect(world.closings().get(ann.connection.id)).toEqual(['user_removed']);
  });
});
