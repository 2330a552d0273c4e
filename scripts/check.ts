// npm run check: format, lint, types, import arrows, unused code and package checks. Runs all, then says which failed.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const checks: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['format and lint', 'node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'],
  ['types', 'node_modules/typescript/bin/tsc', '-p', '.'],
  [
    'import arrows',
    'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
    '--config',
    '.dependency-cruiser.mjs',
    'packages',
  ],
  ['unused code', 'node_modules/knip/bin/knip.js', '--no-progress'],
  ['packages', 'scripts/check-packages.ts'],
]

const failed: string[] = []
for (const [name, program, ...args] of checks) {
  const startedAt = performance.now()
  const { status } = spawnSync(process.execPath, ['--conditions=@hocket/source', program, ...args], {
    cwd: root,
    stdio: 'inherit',
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${name} (${seconds} s)`)
  if (status !== 0) failed.push(name)
}
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
