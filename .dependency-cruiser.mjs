// Who may import whom. A wrong arrow fails `npm run check` with the reason that stands beside it.
const server = '^packages/server/src/'

/** Folders of the server and what each may import besides its own files. */
const arrows = {
  hub: [],
  backplane: ['hub'],
  auth: [],
  config: [],
  ops: ['config', 'session', 'gateway'],
  router: ['hub', 'backplane'],
  session: ['hub', 'router', 'backplane', 'subprotocols'],
  subprotocols: [],
  rest: ['router', 'auth', 'backplane', 'hub'],
  gateway: ['session', 'rest', 'auth', 'subprotocols', 'router', 'hub', 'backplane'],
}
/** Files that every folder may import. */
const shared = '(http|log|timers|transport)\\.ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Two files that import each other cannot be understood or tested alone.',
      severity: 'error',
      from: { pathNot: '\\.test\\.ts$' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'protocol-is-pure',
      comment: 'The protocol package runs in browsers: no Node module, no other package of ours.',
      severity: 'error',
      from: { path: '^packages/protocol/src' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'protocol-imports-no-sister',
      comment: 'The vocabulary knows nobody who speaks it.',
      severity: 'error',
      from: { path: '^packages/protocol/src' },
      to: { path: '^packages/(?!protocol)' },
    },
    {
      name: 'engine-stays-in-the-gateway',
      comment: 'Only the gateway names ws; everything else speaks the seam in transport.ts.',
      severity: 'error',
      from: { path: '^packages/server/src/(?!gateway)' },
      to: { path: 'node_modules/(@types/)?ws/' },
    },
    {
      name: 'testkit-is-for-tests',
      comment: 'What ships does not need the test kit.',
      severity: 'error',
      from: { path: '^packages/(?!testkit)' },
      to: { path: '^packages/testkit' },
    },
    ...Object.entries(arrows).map(([folder, allowed]) => ({
      name: `server-${folder}`,
      comment: `${folder} may import only ${[...allowed, 'config', 'shared files'].join(', ')}.`,
      severity: 'error',
      from: { path: `${server}${folder}/` },
      to: { path: server, pathNot: [`${server}(${[folder, 'config', ...allowed].join('|')})/`, shared] },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Tests may import what they need, and some use `await using`, which the parser does not know yet.
    exclude: { path: '(\\.test|\\.test-support)\\.ts$|/dist/|(testing|fixture|test-cluster)\\.ts$' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['@hocket/source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
}
