// npm test: runs every suite and ends with one line that sums them up. `npm test -- unit` runs the named ones only.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const root = join(import.meta.dirname, '..')
const scratch = await mkdtemp(join(tmpdir(), 'hocket-test-'))

/** Runs a program of the pinned Node to its end. @returns exit code and what it printed, if asked to keep that */
function run(args: readonly string[], keepOutput = false): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--conditions=@hocket/source', ...args], {
      cwd: root,
      stdio: ['ignore', keepOutput ? 'pipe' : 'inherit', 'inherit'],
    })
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk
      process.stdout.write(chunk)
    })
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

async function vitest(project: string): Promise<Counts> {
  const report = join(scratch, `${project}.json`)
  const { code } = await run([
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  const text = await readFile(report, 'utf8').catch(() => null)
  if (text === null) return { passed: 0, failed: 1, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(text)
  const counts = { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests }
  // A file that does not load, or an error outside any test, fails the run without a failed test.
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

async function python(): Promise<Counts> {
  const { code, output } = await run(['conformance/python/run.ts'], true)
  const lines = [...output.matchAll(/^python: (\d+) passed, (\d+) failed, (\d+) skipped$/gm)]
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const [, passed, failed, skipped] of lines) {
    counts.passed += Number(passed)
    counts.failed += Number(failed)
    counts.skipped += Number(skipped)
  }
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

const suites: Readonly<Record<string, () => Promise<Counts>>> = {
  unit: () => vitest('unit'),
  python,
  conformance: () => vitest('conformance'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in suites))
if (unknown.length > 0) {
  console.error(`Unknown suite ${unknown.join(', ')}. There are: ${Object.keys(suites).join(', ')}.`)
  process.exit(2)
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 }
try {
  for (const name of wanted.length > 0 ? wanted : Object.keys(suites)) {
    const counts = await suites[name]!()
    console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
    total.passed += counts.passed
    total.failed += counts.failed
    total.skipped += counts.skipped
  }
} finally {
  await rm(scratch, { recursive: true, force: true })
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 ? 0 : 1
