// Adds an administrator with a session of the console to the database of the environment, and one of each kind of thing
// that the dataset lacks. Prints the session's cookie and the IDs as JSON.
import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { hashSecret, newClientId, newId, newSecret } from '../dist/src/common/id.js';
import { loadSettings } from '../dist/src/config/settings.js';
import { AccountPermission } from '../dist/src/schema/entities/account-permission.entity.js';
import { Client } from '../dist/src/schema/entities/client.entity.js';
import { ConsoleSession } from '../dist/src/schema/entities/console-session.entity.js';
import { Group } from '../dist/src/schema/entities/group.entity.js';
import { ThirdPartyId } from '../dist/src/schema/entities/third-party-id.entity.js';
import { ThirdParty } from '../dist/src/schema/entities/third-party.entity.js';
import { User } from '../dist/src/schema/entities/user.entity.js';
import { dataSourceOptions } from '../dist/src/schema/data-source.js';
import { CALLER, groupId, userId } from './dataset.mjs';

const PERMISSIONS = ['MANAGE_USERS', 'MANAGE_ALL_GROUPS', 'MANAGE_STAFF', 'MANAGE_SERVICE_ACCOUNTS', 'VIEW_AUDIT_LOG'];
const HOUR_MS = 3_600_000;

const dataSource = await new DataSource(dataSourceOptions(loadSettings(process.env))).initialize();
const { organizationId } = await dataSource.manager.findOneByOrFail(User, { id: CALLER.userId });
const [administrator, serviceAccount, client, secret] = [newId(), newId(), newClientId(), newSecret()];
const now = new Date();
const account = { status: 'ACTIVE', organizationId, staffOrganizationId: organizationId, createdAt: now };
await dataSource.transaction(async (db) => {
  await db.insert(User, { ...account, id: administrator, type: 'USER', name: 'Administrator' });
  for (const permission of PERMISSIONS) await db.insert(AccountPermission, { userId: administrator, permission });
  await db.insert(Client, { id: client, name: 'Console', organizationId, isPublic: false, createdAt: now });
  await db.insert(ConsoleSession, {
    secretHash: hashSecret(secret),
    userId: administrator,
    clientId: client,
    lastSeenAt: now,
    expiresAt: new Date(now.getTime() + HOUR_MS),
  });
  await db.insert(User, { ...account, id: serviceAccount, type: 'SERVICE_ACCOUNT', name: 'Portal' });
  await db.insert(ThirdParty, { code: 'LMS', organizationId });
  await db.insert(ThirdPartyId, { thirdParty: 'LMS', externalId: '4711', userId: userId(0) });
  await db.update(Group, { id: groupId(0) }, { customReference: 'R-0' });
});
await dataSource.destroy();
process.stdout.write(JSON.stringify({ cookie: secret, client, serviceAccount }));
