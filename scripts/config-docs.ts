// Run after a change of packages/server/src/config/schema.ts: writes docs/configuration.md and docs/config.schema.json.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeJsonSchema, describeMarkdown } from '../packages/server/src/config/describe.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
writeFileSync(`${root}docs/configuration.md`, describeMarkdown())
writeFileSync(`${root}docs/config.schema.json`, `${JSON.stringify(describeJsonSchema(), null, 2)}\n`)
const formatted = spawnSync(`${root}node_modules/.bin/biome`, ['format', '--write', 'docs/config.schema.json'], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = formatted.status ?? 1
