import type { Command } from 'commander';
import { examine } from '../doctor/doctor.js';
import { print } from './operator.js';

const HELP = `
It looks at the settings, the schema, the signing keys and SECRET_KEY, the clocks, the disk
and file modes of SQLite, the connections of PostgreSQL, PUBLIC_URL and TRUSTED_PROXIES,
and whether old records are deleted. Run it as the user of the service, with its variables.
It changes nothing. The exit code is 1 if there is an error.`;

/** The command that looks for what is wrong with an installation. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('Examines the installation, and advises what to do about what it finds.')
    .option('--json', 'print JSON instead of lines')
    .addHelpText('after', HELP)
    .action(async ({ json }: { json?: true }) => {
      const findings = await examine(process.env, program.opts<{ envFile?: string }>().envFile);
      if (json) print(JSON.stringify(findings, null, 2));
      else
        for (const { check, level, text, advice } of findings)
          print(`${level.padEnd(7)}  ${check}: ${text}${advice ? ` ${advice}` : ''}`);
      if (findings.some(({ level }) => level === 'error')) process.exitCode = 1;
    });
}
