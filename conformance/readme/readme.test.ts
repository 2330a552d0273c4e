import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from '@hocket/testkit/server'
import { until } from '@hocket/testkit/wait'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newestInterpreter, Unavailable } from '../python/run.ts'

/** What the README and the banner tell people to type works when it is typed. */

const root = join(import.meta.dirname, '../..')
const readme = await readFile(join(root, 'README.md'), 'utf8')
let server: ServerProcess

beforeAll(async () => {
  server = await startServerProcess()
})
afterAll(() => server[Symbol.asyncDispose]())

/** The first code block of a language. */
function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(readme)?.[1]
  if (found === undefined) throw new Error(`README.md has no ${language} block`)
  return found
}

/** The README speaks of port 8080; the server under test has a free one. */
const atThisServer = (text: string) => text.replaceAll('http://localhost:8080', server.endpoint)

interface Finished {
  readonly code: number | null
  readonly output: string
}

function start(
  command: string,
  args: readonly string[],
): { child: ChildProcess; output: () => string; done: Promise<Finished> } {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk))
  const done = new Promise<Finished>((resolve) => child.on('close', (code) => resolve({ code, output })))
  return { child, output: () => output, done }
}

function python(): string | null {
  try {
    return newestInterpreter()
  } catch (error) {
    if (!(error instanceof Unavailable) || process.env.HOCKET_REQUIRE_PYTHON === '1') throw error
    console.log(`python snippets skipped: ${error.message}`)
    return null
  }
}

/** Runs a JavaScript module that stands in the repository, so that it finds the SDKs. */
async function runJavaScript(source: string): Promise<Finished> {
  const file = join(root, 'conformance/readme', `.snippet-${process.pid}-${Date.now()}.mjs`)
  await writeFile(file, source)
  try {
    return await start(process.execPath, [file]).done
  } finally {
    await rm(file)
  }
}

/** The lines of the banner behind a heading, up to the next empty one. */
function printed(heading: string): string[] {
  const lines = server.stdout().split('\n')
  const at = lines.findIndex((line) => line.startsWith(heading))
  expect(at, `a line that starts with ${heading}`).toBeGreaterThanOrEqual(0)
  const end = lines.indexOf('', at)
  return lines.slice(at + 1, end < 0 ? undefined : end)
}

/** A client of the official kind that the printed snippets should reach. */
async function withReceiver<T>(use: (messages: unknown[]) => Promise<T>): Promise<T> {
  const { WebPubSubClient } = await import('@azure/web-pubsub-client')
  const client = new WebPubSubClient(printed('Client URL')[0]!)
  const messages: unknown[] = []
  client.on('server-message', ({ message }) => messages.push(message.data))
  await client.start()
  try {
    return await use(messages)
  } finally {
    client.stop()
  }
}

describe('the README', () => {
  it('has a JavaScript program that receives its own message', async () => {
    const { code, output } = await runJavaScript(atThisServer(block('js')))
    expect(output).toContain('g1: hello')
    expect(code).toBe(0)
  })

  it.skipIf(python() === null)('has a Python program that receives its own message', async () => {
    const { code, output } = await start(python()!, ['-c', atThisServer(block('python'))]).done
    expect(output).toContain('g1: hello')
    expect(code).toBe(0)
  })

  it('has a configuration that check-config accepts', async () => {
    const file = join(tmpdir(), `hocket-readme-${process.pid}.yaml`)
    await writeFile(file, block('yaml'))
    const { code, output } = await start('npm', ['run', '-s', 'hocket', '--', 'check-config', file]).done
    await rm(file)
    expect(output).toContain('chat')
    expect(code).toBe(0)
  })

  it('links only to files that exist', async () => {
    const links = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path]) => path!)
    expect(links.length).toBeGreaterThan(3)
    for (const link of links)
      await expect(
        readFile(join(root, link)).catch((e: NodeJS.ErrnoException) => e.code === 'EISDIR'),
      ).resolves.toBeTruthy()
  })
})

describe('what the server prints', () => {
  it('is a JavaScript program of three lines that reaches a connected client', async () => {
    await withReceiver(async (messages) => {
      const lines = printed('JavaScript')
      expect(lines.length).toBe(3)
      expect((await runJavaScript(lines.join('\n'))).code).toBe(0)
      await until(() => messages.length > 0, { what: 'the message of the JavaScript lines' })
      expect(messages).toEqual(['hello from JavaScript'])
    })
  })

  it.skipIf(python() === null)('is a Python program of three lines that reaches a connected client', async () => {
    await withReceiver(async (messages) => {
      const lines = printed('Python')
      expect(lines.length).toBe(3)
      expect((await start(python()!, ['-c', lines.join('\n')]).done).code).toBe(0)
      await until(() => messages.length > 0, { what: 'the message of the Python lines' })
      expect(messages).toEqual(['hello from Python'])
    })
  })

  it('is three shell lines: one watches a group, one sends to it, one prints a client URL', async () => {
    const [watch, send, token] = printed('Try it in three lines')
    const watching = start('sh', ['-c', `exec ${watch}`])
    try {
      await until(() => /connected/i.test(watching.output()), {
        what: 'the watcher to be connected',
        timeoutMs: 20_000,
      })
      expect((await start('sh', ['-c', send!]).done).code).toBe(0)
      await until(() => watching.output().includes('hello'), { what: 'the watcher to print the message' })
      const { output, code } = await start('sh', ['-c', token!]).done
      expect(code).toBe(0)
      expect(output).toMatch(/^ws:\/\/localhost:\d+\/client\/hubs\/chat\?access_token=/m)
    } finally {
      watching.child.kill('SIGINT')
    }
  })
})
