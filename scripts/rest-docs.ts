// Run after a change to a REST operation: writes docs/rest-api.md and docs/openapi.json from the descriptors.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { openApi, restMarkdown } from '../packages/server/src/rest/documents.ts'

const root = new URL('../', import.meta.url)
mkdirSync(new URL('docs/', root), { recursive: true })
writeFileSync(new URL('docs/rest-api.md', root), restMarkdown())
writeFileSync(new URL('docs/openapi.json', root), `${JSON.stringify(openApi(), null, 2)}\n`)
execFileSync('node_modules/.bin/biome', ['format', '--write', 'docs/openapi.json'], { cwd: root, stdio: 'inherit' })
