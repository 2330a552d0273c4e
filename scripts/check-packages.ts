// Part of npm run check: builds the published packages and looks at them as a user's tools will.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { published } from './packages.ts'

const root = join(import.meta.dirname, '..')

function run(args: readonly string[]): boolean {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) console.error(stdout + stderr)
  return status === 0
}

let isFine = run(['--conditions=@hocket/source', 'scripts/build.ts'])
for (const { name, folder, executables } of isFine ? published : []) {
  const checks = [['node_modules/publint/src/cli.js', 'run', folder, '--strict']]
  // A program alone has no types to resolve.
  if (executables.length === 0) {
    checks.push([
      'node_modules/@arethetypeswrong/cli/dist/index.js',
      '--pack',
      folder,
      '--profile',
      'esm-only',
      '--no-emoji',
    ])
  }
  for (const check of checks) {
    if (run(check)) continue
    console.error(`${name}: ${check[0]} found something`)
    isFine = false
  }
}
process.exitCode = isFine ? 0 : 1
