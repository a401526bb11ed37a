// Who may import whom (docs/ARCHITECTURE.md). A room imports the model, the kit and itself; never another room.
const rooms = ['ingress', 'identity', 'wire', 'catalog', 'policy', 'limits', 'guard', 'credential', 'record', 'upstream']
const others = ['store', 'convert', 'oauth']

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'kit-knows-nothing-of-ours', severity: 'error', from: { path: '^src/kit/' }, to: { path: '^src/(?!kit/)' } },
    { name: 'model-knows-only-kit', severity: 'error', from: { path: '^src/model/' }, to: { path: '^src/(?!kit/|model/)' } },
    ...[...rooms, ...others].map((room) => ({
      name: `${room}-is-a-room`,
      severity: 'error',
      comment: 'A room gets what it needs of another one as an argument, or through a port that it declares.',
      from: { path: `^src/${room}/`, pathNot: '\\.test\\.ts$' },
      to: { path: `^src/(?!kit/|model/|${room}/)` },
    })),
    { name: 'snapshot-imports-compile-halves', severity: 'error', from: { path: '^src/snapshot/', pathNot: '\\.test\\.ts$' }, to: { path: '^src/(?!kit/|model/|snapshot/|catalog/|policy/|limits/|identity/)' } },
    { name: 'flow-imports-rooms', severity: 'error', from: { path: '^src/flow/', pathNot: '\\.test\\.ts$' }, to: { path: '^src/(store|admin|cli|main|oauth|convert|llm|ingress)' } },
    { name: 'admin-is-the-writer', severity: 'error', from: { path: '^src/admin/', pathNot: '\\.test\\.ts$' }, to: { path: '^src/(?!kit/|model/|admin/|store/|snapshot/|oauth/|convert/|policy/|catalog/)' } },
    { name: 'cli-speaks-the-contract', severity: 'error', from: { path: '^src/cli/', pathNot: '\\.test\\.ts$' }, to: { path: '^src/(?!kit/|cli/|admin/contract/|model/)' } },
    { name: 'nobody-imports-main', severity: 'error', from: { path: '^src/', pathNot: '^src/main' }, to: { path: '^src/main' } },
    { name: 'no-test-code-in-the-product', severity: 'error', from: { path: '^src/', pathNot: '\\.test\\.ts$|fixture' }, to: { path: '^test/' } },
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' }, tsConfig: { fileName: 'tsconfig.json' }, enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] } },
}
