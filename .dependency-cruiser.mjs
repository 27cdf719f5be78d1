/**
 * The floors of src, from the lowest up. A folder may import from lower floors, from itself and from its own
 * subfolders. Folders on the same floor must not import from each other. ARCHITECTURE.md draws the floors.
 */
export const FLOORS = [
  ['common'],
  ['telemetry'],
  ['config'],
  ['database'],
  ['schema'],
  ['http'],
  ['audit', 'limits'],
  ['tokens'],
  ['rights', 'sign-ins'],
  ['auth', 'record-feed'],
  ['users'],
  ['organizations', 'clients', 'general-revocation'],
  ['groups', 'service-accounts', 'origins'],
  ['access'],
  ['applications'],
  ['sessions', 'audit-search', 'webhooks', 'guides', 'status', 'bulk'],
  ['authorization-server'],
  ['forward-auth', 'console', 'lookup', 'overview', 'maintenance', 'monitoring', 'backup', 'doctor', 'demo'],
  ['app'],
  ['cli'],
];

const floorRules = FLOORS.flatMap((floor, at) =>
  floor.map((folder) => ({
    name: `floor-of-${folder}`,
    comment: `src/${folder} imports only from the floors below it: ${FLOORS.slice(0, at).flat().join(', ') || 'none'}.`,
    severity: 'error',
    from: { path: `^src/${folder}/` },
    to: { path: '^src/', pathNot: `^src/(${[folder, ...FLOORS.slice(0, at).flat()].join('|')})/` },
  })),
);

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...floorRules,
    {
      name: 'every-folder-has-a-floor',
      comment: 'A new folder of src gets a floor in .dependency-cruiser.mjs.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${FLOORS.flat().join('|')})/` },
      to: {},
    },
    {
      name: 'no-circular',
      comment:
        'Modules that import each other in a circle. Entities that refer to each other by Relation<> are the exception.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/schema/entities/' },
      to: { circular: true },
    },
    {
      name: 'no-circular-folders',
      comment: 'Folders that import each other in a circle.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'not-to-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.spec\\.ts$' },
  },
};
