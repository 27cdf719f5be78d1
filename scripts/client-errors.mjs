// Writes the error ids of the API, with their statuses and descriptions, into the TypeScript client.
import { readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const SOURCE = 'src/common/errors/errors.ts';
const TARGET = 'clients/typescript/src/contract-errors.ts';

const { outputText } = ts.transpileModule(readFileSync(SOURCE, 'utf8'), {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
});
const { ERRORS } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
writeFileSync(
  TARGET,
  `/** Every error id of the API, with its status and description. \`npm run client\` writes this file from ${SOURCE}. */
export const CONTRACT_ERRORS = ${JSON.stringify(ERRORS, null, 2)} as const;
`,
);
