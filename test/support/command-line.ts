import { jest } from '@jest/globals';
import { Command } from 'commander';
import { addAuditCommand } from '../../src/cli/audit.js';
import { addClientCommands } from '../../src/cli/clients.js';
import { addOrganizationCommands } from '../../src/cli/organizations.js';
import { addOriginCommands } from '../../src/cli/origins.js';
import { addExplainCommand } from '../../src/cli/explain.js';
import { addGroupCommands } from '../../src/cli/groups.js';
import { addPasskeyCommands } from '../../src/cli/passkeys.js';
import { addPermissionCommands } from '../../src/cli/permissions.js';
import { addRevokeAllCommand } from '../../src/cli/revoke-all.js';
import { addServiceAccountCommands } from '../../src/cli/service-accounts.js';
import { addStaffCommands } from '../../src/cli/staff.js';
import { addWebhookCommands } from '../../src/cli/webhooks.js';
import type { TestApp } from './app.js';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command with the services of `t` in this process. A process for each command would take seconds. */
export async function runCommand({ nest }: TestApp, ...args: string[]): Promise<CommandResult> {
  const result = { code: 0, stdout: '', stderr: '' };
  const into = (stream: 'stdout' | 'stderr') => (text: unknown) => {
    result[stream] += String(text);
    return true;
  };
  const streams = [
    jest.spyOn(process.stdout, 'write').mockImplementation(into('stdout')),
    jest.spyOn(process.stderr, 'write').mockImplementation(into('stderr')),
  ];
  try {
    const program = new Command('latchkey').exitOverride();
    for (const add of [
      addOrganizationCommands,
      addClientCommands,
      addOriginCommands,
      addServiceAccountCommands,
      addWebhookCommands,
      addStaffCommands,
      addGroupCommands,
      addExplainCommand,
      addAuditCommand,
      addPasskeyCommands,
      addPermissionCommands,
      addRevokeAllCommand,
    ])
      add(program, (work) => work(nest));
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    result.code = 1;
    result.stderr += (error as Error).message;
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  return result;
}
