// Runs the Python suite against the real packages, once for each set of pinned versions. Arguments go to pytest.
// Where python3 or the packages cannot be had it says so and succeeds, unless HOCKET_REQUIRE_PYTHON=1.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const here = import.meta.dirname
const sets = [
  { name: 'newest', pytest: ['-m', 'not old'] },
  { name: 'service-1.0.1', pytest: ['-m', 'not newest'] },
]

/** No Python here that could run the packages; the message says why. */
export class Unavailable extends Error {}

function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { cwd: here, encoding: 'utf8', timeout: 600_000 })
  if (result.status === 0) return result.stdout.trim()
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').at(-1)
  throw new Unavailable(result.error?.message ?? `${command} ${args.join(' ')}: ${said}`)
}

/** The first Python 3.10 or newer, which the pinned packages need, with its exact version. */
function findPython(): { command: string; version: string } {
  const seen: string[] = []
  for (const command of ['python3', 'python']) {
    try {
      const version = run(command, ['-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])'])
      const [major = 0, minor = 0] = version.split('.').map(Number)
      if (major === 3 && minor >= 10) return { command, version }
      seen.push(`${command} is ${version}`)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
    }
  }
  throw new Unavailable(`needs Python 3.10 or newer, ${seen.join(', ') || 'found no python3'}`)
}

/** Makes the virtual environment of one set, or finds the one made before. Returns its interpreter. */
function prepare(python: { command: string; version: string }, set: string): string {
  const requirements = join(here, 'requirements', `${set}.txt`)
  const hash = createHash('sha256').update(python.version).update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = join(here, `.venv-${hash}`)
  const interpreter = process.platform === 'win32' ? join('Scripts', 'python.exe') : join('bin', 'python')
  if (existsSync(join(folder, interpreter))) return join(folder, interpreter)
  // Built beside and moved when complete, so that an interrupted run leaves nothing half-made behind.
  const draft = `${folder}-${process.pid}`
  try {
    run(python.command, ['-m', 'venv', draft])
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '-r', requirements]
    run(join(draft, interpreter), pip)
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(join(folder, interpreter))) throw error
  }
  return join(folder, interpreter)
}

/**
 * The interpreter that has the newest packages, made when there is none yet. Suites outside of this folder use it.
 * @throws Unavailable where it cannot be had.
 */
export function newestInterpreter(): string {
  return prepare(findPython(), 'newest')
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

function countsOf(report: string): Counts {
  const suite = existsSync(report) ? (/<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '') : ''
  const number = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0)
  const failed = number('failures') + number('errors')
  return { passed: Math.max(0, number('tests') - failed - number('skipped')), failed, skipped: number('skipped') }
}

function test(interpreter: string, set: (typeof sets)[number]): Counts {
  const reports = mkdtempSync(join(tmpdir(), 'hocket-python-'))
  const report = join(reports, 'report.xml')
  console.log(`python: ${set.name}`)
  const args = ['-m', 'pytest', '-q', '--durations=5', `--junitxml=${report}`, ...set.pytest, ...process.argv.slice(2)]
  const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const result = spawnSync(interpreter, args, { cwd: here, stdio: 'inherit', env: environment, timeout: 900_000 })
  const counts = countsOf(report)
  rmSync(reports, { recursive: true, force: true })
  // pytest can also end badly without a failed test: an error outside of tests, or nothing collected.
  if (result.status !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

function main(): number {
  try {
    const python = findPython()
    const prepared = sets.map((set) => ({ set, interpreter: prepare(python, set.name) }))
    const total: Counts = { passed: 0, failed: 0, skipped: 0 }
    for (const { set, interpreter } of prepared) {
      const counts = test(interpreter, set)
      total.passed += counts.passed
      total.failed += counts.failed
      total.skipped += counts.skipped
    }
    console.log(`python: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
    return total.failed === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`python: skipped (${error.message})`)
    return process.env.HOCKET_REQUIRE_PYTHON === '1' ? 1 : 0
  }
}

if (import.meta.main) process.exitCode = main()
