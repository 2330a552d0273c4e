// npm run build: compiles every published package into its `dist`, each against the built ones before it.
import { spawnSync } from 'node:child_process'
import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { published } from './packages.ts'

const root = join(import.meta.dirname, '..')

for (const { folder, executables } of published) {
  await rm(join(root, folder, 'dist'), { recursive: true, force: true })
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', `${folder}/tsconfig.build.json`],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )
  if (status !== 0) {
    console.error(`build failed: ${folder}`)
    process.exit(1)
  }
  for (const file of executables) await chmod(join(root, folder, file), 0o755)
}
