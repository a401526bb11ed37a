// Who may import whom (docs/ARCHITECTURE.md). A room imports the model, the kit and itself; never another room.
const { existsSync, readdirSync } = require('node:fs')

const rooms = ['ingress', 'identity', 'wire', 'catalog', 'policy', 'limits', 'guard', 'credential', 'record', 'upstream', 'process', 'egress', 'store', 'oauth']
const kinds = readdirSync('src/kinds').filter((name) => existsSync(`src/kinds/${name}/kind.ts`))
const product = '\\.test\\.ts$'
const only = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  ...(comment === undefined ? {} : { comment }),
  from: { path: `^src/${from}/`, pathNot: product },
  to: { path: `^src/(?!${['kit/', 'model/', `${from}/`, ...allowed].join('|')})` },
})

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', comment: 'Inside rooms and in types, too.', from: {}, to: { circular: true } },
    { name: 'kit-knows-nothing-of-ours', severity: 'error', from: { path: '^src/kit/' }, to: { path: '^src/(?!kit/)' } },
    { name: 'model-knows-only-kit', severity: 'error', from: { path: '^src/model/' }, to: { path: '^src/(?!kit/|model/)' } },
    ...rooms.map((room) => only(`${room}-is-a-room`, room, [], 'A room gets what it needs of another one as an argument, or through a port that it declares.')),
    {
      name: 'judges-know-actions-alone',
      severity: 'error',
      comment: 'What judges and records an action knows nothing of MCP: model/action.ts says what it may look at.',
      from: { path: '^src/(policy|limits|guard|credential|record|identity)/', pathNot: '\\.test\\.ts$|fixture' },
      to: { path: '^src/model/(call|methods|codec|session|extensions)\\.ts$' },
    },
    only('mcp-links-servers', 'mcp', ['upstream/', 'egress/egress', 'process/channel']),
    only('kinds-know-no-room', 'kinds', ['upstream/', 'egress/egress']),
    {
      name: 'what-kinds-share-knows-none',
      severity: 'error',
      from: { path: '^src/kinds/(document|api)/', pathNot: product },
      to: { path: `^src/kinds/(${kinds.join('|')})/` },
    },
    ...kinds.flatMap((kind) => [
      {
        name: `${kind}-knows-no-other-kind`,
        severity: 'error',
        from: { path: `^src/kinds/${kind}/`, pathNot: product },
        to: { path: `^src/kinds/(${kinds.filter((other) => other !== kind).join('|')})/` },
      },
      {
        name: `${kind}-meets-in-plans`,
        severity: 'error',
        comment: 'What converts runs in a worker and loads nothing that calls; what calls reads no description.',
        from: { path: `^src/kinds/${kind}/convert/`, pathNot: product },
        to: { path: `^src/kinds/(${kind}/execute/|${kind}/kind\\.ts|api/|all\\.ts|kind\\.ts)` },
      },
      {
        name: `${kind}-executes-plans`,
        severity: 'error',
        from: { path: `^src/kinds/${kind}/execute/`, pathNot: product },
        to: { path: `^src/kinds/(${kind}/convert/|document/|[^/]*\\.ts$)` },
      },
      {
        name: `${kind}-is-light`,
        severity: 'error',
        comment: 'Every gateway loads the descriptor; what converts or executes is loaded by who needs it.',
        from: { path: `^src/kinds/${kind}/kind\\.ts$` },
        to: { path: `^src/kinds/${kind}/(convert|execute)/`, dynamic: false },
      },
    ]),
    only('registry-opens-servers', 'registry', ['snapshot/compile', 'kinds/', 'mcp/', 'process/', 'egress/', 'upstream/', 'catalog/', 'wire/', 'guard/', 'credential/', 'store/resolve-secrets', 'store/plain-secrets', 'admin/ports', 'admin/contract/convert'], 'It implements the port of the administration that looks at descriptions.'),
    only('cluster-is-nodes', 'cluster', ['ingress/settings', 'store/store']),
    only('snapshot-imports-compile-halves', 'snapshot', ['catalog/', 'policy/', 'limits/', 'identity/', 'store/']),
    { name: 'snapshot-sees-the-store-as-types', severity: 'error', from: { path: '^src/snapshot/', pathNot: product }, to: { path: '^src/store/', dependencyTypesNot: ['type-only'] } },
    { name: 'flow-imports-rooms', severity: 'error', from: { path: '^src/flow/', pathNot: product }, to: { path: '^src/(store|admin|cli|main|oauth|kinds|mcp|process|egress|registry|cluster|llm|ingress)' } },
    only('admin-is-the-writer', 'admin', ['store/', 'snapshot/', 'oauth/', 'registry/', 'policy/', 'catalog/']),
    { name: 'cli-speaks-the-contract', severity: 'error', from: { path: '^src/cli/', pathNot: product }, to: { path: '^src/(?!kit/|cli/|admin/contract/|model/)' } },
    { name: 'nobody-imports-main', severity: 'error', from: { path: '^src/', pathNot: '^src/main' }, to: { path: '^src/main' } },
    { name: 'no-test-code-in-the-product', severity: 'error', from: { path: '^src/', pathNot: '\\.test\\.ts$|fixture' }, to: { path: '^test/' } },
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' }, tsConfig: { fileName: 'tsconfig.json' }, enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] } },
}
