// Run by `npm run test:autobahn`: the Autobahn test suite as an outside judge of the service's WebSocket, with bare `ws`
// as a control. It needs a Python 2.7; where there is none it says so and succeeds. HOCKET_PYTHON27 may name one.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebPubSubServiceClient } from '@azure/web-pubsub'
import { startServerProcess } from '@hocket/testkit/server'
import { WebSocketServer } from 'ws'
import { developmentKey } from '../js/harness/development-key.ts'

const suite = 'autobahntestsuite==25.10.1'
const folder = fileURLToPath(new URL('../../.venv-autobahn', import.meta.url))
const packages = join(folder, 'packages')
const reports = join(folder, 'reports')
/** Limits and performance, and compression, which the service does not offer. */
const excluded = ['9.*', '12.*', '13.*']
const agents = { service: 'hocket', control: 'ws' } as const
/** From best to worst; what is not named counts as worst. */
const ranks = [
  'OK',
  'INFORMATIONAL',
  'NON-STRICT',
  'UNIMPLEMENTED',
  'UNCLEAN',
  'WRONG CODE',
  'FAILED BY CLIENT',
  'FAILED',
]

interface CaseResult {
  readonly behavior: string
  readonly behaviorClose: string
}

type Report = Readonly<Record<string, Readonly<Record<string, CaseResult>>>>

function versionOf(python: string): string | null {
  try {
    const program = 'import sys; sys.stdout.write(".".join(map(str, sys.version_info[:2])))'
    return execFileSync(python, ['-c', program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return null
  }
}

function findPython(): string | null {
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions')
  const fromPyenv = existsSync(versions)
    ? readdirSync(versions)
        .filter((name) => name.startsWith('2.7.'))
        .map((name) => join(versions, name, 'bin', 'python'))
    : []
  const candidates = [process.env.HOCKET_PYTHON27, 'python2.7', ...fromPyenv, 'python2', 'python']
  return candidates.find((each) => each !== undefined && versionOf(each) === '2.7') ?? null
}

/** Python 2.7 has no venv of its own, so the packages go into a folder. */
function install(python: string): string | null {
  const mark = join(packages, `.${suite}`)
  if (existsSync(mark)) return null
  rmSync(packages, { recursive: true, force: true })
  mkdirSync(packages, { recursive: true })
  try {
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--target', packages, suite], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error)
  }
  writeFileSync(mark, '')
  return null
}

async function runSuite(python: string, servers: readonly { agent: string; url: string }[]): Promise<Report> {
  rmSync(reports, { recursive: true, force: true })
  const spec = join(folder, 'spec.json')
  writeFileSync(
    spec,
    JSON.stringify({
      outdir: reports,
      servers: servers.map((each) => ({ ...each, options: { version: 18 } })),
      cases: ['*'],
      'exclude-cases': excluded,
      'exclude-agent-cases': {},
    }),
  )
  // Not PYTHONPATH alone: zope is a namespace package, which only a site folder's .pth file makes.
  const program = `import site; site.addsitedir(${JSON.stringify(packages)}); from autobahntestsuite.wstest import run; run()`
  const child = spawn(python, ['-c', program, '-m', 'fuzzingclient', '-s', spec], {
    env: { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'close')
  const index = join(reports, 'index.json')
  if (code !== 0 || !existsSync(index)) throw new Error(`the suite ended with code ${code} and without a report`)
  return JSON.parse(readFileSync(index, 'utf8'))
}

function rankOf(result: CaseResult | undefined): number {
  const rank = (word: string | undefined) => {
    const at = ranks.indexOf(word ?? '')
    return at === -1 ? ranks.length : at
  }
  return Math.max(rank(result?.behavior), rank(result?.behaviorClose))
}

function words(result: CaseResult | undefined): string {
  return result === undefined ? 'not run' : `${result.behavior} (close: ${result.behaviorClose})`
}

/** A case fails when it is against the protocol, or when the control does better. */
function judge(report: Report): string[] {
  const service = report[agents.service] ?? {}
  const control = report[agents.control] ?? {}
  const cases = [...new Set([...Object.keys(service), ...Object.keys(control)])]
  const failures = cases
    .filter((id) => {
      const rank = rankOf(service[id])
      return rank >= ranks.indexOf('UNCLEAN') || rank > rankOf(control[id])
    })
    .map((id) => `case ${id}: ${words(service[id])}, ws: ${words(control[id])}`)
  const counts = new Map<string, number>()
  for (const { behavior } of Object.values(service)) counts.set(behavior, (counts.get(behavior) ?? 0) + 1)
  console.log(`${cases.length} cases: ${[...counts].map(([word, count]) => `${count} ${word}`).join(', ')}`)
  return cases.length === 0 ? ['the suite ran no case'] : failures
}

async function main(): Promise<number> {
  const python = findPython()
  if (python === null) {
    console.log(
      'Skipped: the Autobahn test suite needs a Python 2.7, and none was found (HOCKET_PYTHON27 may name one).',
    )
    return 0
  }
  const trouble = install(python)
  if (trouble !== null) {
    console.log(`Skipped: ${suite} could not be installed.\n${trouble}`)
    return 0
  }
  await using server = await startServerProcess({ logLevel: 'info', env: { HOCKET_ACCESS_KEY: undefined } })
  const echo = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 1_048_576, perMessageDeflate: false })
  echo.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await once(echo, 'listening')
  try {
    const connectionString = `Endpoint=${server.endpoint};AccessKey=${developmentKey};Version=1.0;`
    const service = new WebPubSubServiceClient(connectionString, 'autobahn', { allowInsecureConnection: true })
    const { url } = await service.getClientAccessToken({
      roles: ['webpubsub.sendToGroup'],
      groups: ['echo'],
      expirationTimeInMinutes: 600,
    })
    const report = await runSuite(python, [
      { agent: agents.service, url: `${url}&webpubsub_mode=sendToGroup&group=echo&noEcho=false` },
      { agent: agents.control, url: `ws://127.0.0.1:${(echo.address() as AddressInfo).port}/` },
    ])
    const failures = judge(report)
    for (const failure of failures) console.log(failure)
    return failures.length === 0 ? 0 : 1
  } finally {
    for (const socket of echo.clients) socket.terminate()
    echo.close()
  }
}

process.exitCode = await main()
