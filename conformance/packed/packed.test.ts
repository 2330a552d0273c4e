import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { published } from '../../scripts/packages.ts'

/** The packed tarballs, installed in an empty folder outside the repository, as a user gets them. */

const root = join(import.meta.dirname, '../..')
let folder: string

function run(command: string, args: readonly string[], cwd = folder): string {
  // The Node that npm put first on the path runs everything here, npm included.
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
  return stdout
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hocket-packed-'))
  run(process.execPath, ['--conditions=@hocket/source', 'scripts/build.ts'], root)
  const tarballs = published.map((each) => {
    const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], join(root, each.folder)))
    return `./${packed.filename}`
  })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...tarballs])
}, 180_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the packed packages', () => {
  it.each(['node16', 'bundler'])(
    'type-check in a program of a user under moduleResolution %s',
    async (moduleResolution) => {
      const project = join(folder, moduleResolution)
      await mkdir(project)
      await writeFile(
        join(project, 'main.ts'),
        `import { defaultConfig, startServer, type RunningServer } from '@hocket/server'
import { compileFilter } from '@hocket/protocol/filter'
import { parseConnectionString } from '@hocket/protocol'
const server: RunningServer = await startServer({ config: defaultConfig({ port: 0 }) })
export const endpoint: string = parseConnectionString(server.connectionString).endpoint
export const isMatch: boolean = compileFilter('true')({ userId: null, connectionId: 'c', groups: new Set(), protocol: null })
// @ts-expect-error an option that does not exist
defaultConfig({ prot: 0 })
await server.close()
`,
      )
      await writeFile(
        join(project, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            strict: true,
            noEmit: true,
            target: 'es2024',
            lib: ['es2024', 'dom', 'esnext.disposable'],
            module: moduleResolution === 'node16' ? 'node20' : 'esnext',
            moduleResolution,
            types: [],
          },
        }),
      )
      run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project])
    },
  )

  it('start a server in a process of a user', async () => {
    const file = join(folder, 'embed.mjs')
    await writeFile(
      file,
      `import { defaultConfig, startServer } from '@hocket/server'
await using server = await startServer({ config: defaultConfig({ port: 0 }) })
console.log((await fetch(server.endpoint + '/api/health', { method: 'HEAD' })).status)
`,
    )
    expect(run(process.execPath, [file])).toBe('200\n')
  })

  it('give a command that serves, sends and says its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'packages/cli/package.json'), 'utf8'))
    const command = join(folder, 'node_modules/.bin/hocket')
    expect(run('npx', ['hocket', '--version']).trim()).toBe(version)
    expect(run(command, ['--help'])).toMatch(/serve.*token.*send.*watch.*check-config/s)
    const server = spawn(command, ['serve', '--port', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = new Promise((resolve) => server.on('exit', resolve))
    let printed = ''
    server.stdout.on('data', (chunk: Buffer) => (printed += chunk))
    try {
      const lines = await until(() => /^Client URL.*\n(.*)\n/m.exec(printed), {
        what: 'the client URL',
        timeoutMs: 20_000,
      })
      const [endpoint] = /http:\/\/localhost:\d+/.exec(printed)!
      const client = new WebSocket(lines[1]!)
      const received: unknown[] = []
      client.onmessage = ({ data }) => received.push(data)
      await until(() => client.readyState === WebSocket.OPEN, { what: 'the client to be open' })
      run(command, ['send', '--hub', 'chat', '--endpoint', endpoint, 'hello'])
      await until(() => received.length > 0, { what: 'the message' })
      expect(received).toEqual(['hello'])
      client.close()
    } finally {
      server.kill('SIGTERM')
    }
    expect(await exited).toBe(0)
  })
})
