import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addCounter, dropCounter } from './frozen/counter.js';
import type { Counter } from './frozen/counter.js';

const COUNTERS = ['MANAGE', 'VIEW'].map((permission): Counter => ({
  table: 'group_staff',
  owner: 'users',
  key: 'user_id',
  column: `groups_with_${permission.toLowerCase()}`,
  where: { column: 'permission', value: permission },
}));

/** How many groups somebody manages or views is read, not counted. */
export class CountGroupRights1795600000000 implements MigrationInterface {
  readonly name = 'CountGroupRights1795600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const counter of COUNTERS) await addCounter(runner, counter);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const counter of COUNTERS) await dropCounter(runner, counter);
  }
}
