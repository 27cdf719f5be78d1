import type { Command } from 'commander';
import { ExplanationsService } from '../access/explanations.service.js';
import type { ChangeDto, EvidenceDto, ExplanationDto } from '../access/dto/explanation.dto.js';
import type { NamingRef } from '../common/user-ref.js';
import { Output, parseNamingRef } from './operator.js';
import type { WithApplication } from './operator.js';

interface Options {
  client?: string;
  returnTo?: string;
  embed?: string;
}

/** The command that says why an access call answers what it answers. */
export function addExplainCommand(program: Command, withApplication: WithApplication): void {
  const command = program.command('explain');
  const output = new Output(command);
  command
    .description(
      'Says whether a caller may let a user in, which rule decides, by which rows, and what would turn the decision.',
    )
    .argument('<caller>', 'the account that calls: an ID, an e-mail address, or CODE$ID', parseNamingRef)
    .argument('<user>', 'the user to let in: an ID, an e-mail address, or CODE$ID', parseNamingRef)
    .option(
      '--client <id>',
      'the client that the call is made through; by default that of the service account, or the oldest of the organization',
    )
    .option('--return-to <target>', 'as in the access call')
    .option('--embed <origin>', 'as in the access call')
    .action((caller: NamingRef, user: NamingRef, options: Options) =>
      withApplication(async (app) => {
        const explanation = await app.get(ExplanationsService).explainToOperator(caller, user, options);
        output.one(explanation, ...linesOf(explanation));
      }),
    );
}

function linesOf({ verdict, rule, description, evidence, changes }: ExplanationDto): string[] {
  const decision = rule === undefined ? verdict : `${verdict} by rule ${rule}`;
  return [
    `${decision}: ${description}`,
    ...evidence.map(lineOfEvidence),
    ...(changes.length > 0 ? ['Each of these turns the rule:', ...changes.map(lineOfChange)] : []),
  ];
}

function lineOfEvidence({ rule, description, since, by }: EvidenceDto): string {
  const origin = [since && `since ${since}`, by && `by ${by.name}`].filter(Boolean).join(', ');
  return `  rule ${rule}: ${description}${origin ? ` (${origin})` : ''}`;
}

function lineOfChange({ description }: ChangeDto): string {
  return `  ${description}`;
}
