// Runs many seeds by hand: `--client js|python|python-aio` (default all), `--seeds 1-100` or `3,7` (default 1-100),
// `--write` puts the figures into results.json beside this file. `npm run test:faults:full` does all of it.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { type ClientKind, clientKinds } from './driver.ts'
import { Lab, runsAtATime } from './lab.ts'
import { pythonInterpreter } from './python.ts'
import { type Outcome, summaryOf } from './scenario.ts'

const { values } = parseArgs({
  options: {
    client: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '1-100' },
    write: { type: 'boolean', default: false },
  },
})

function seedsOf(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [from = Number.NaN, to = from] = part.split('-').map(Number)
    if (!Number.isInteger(from) || !Number.isInteger(to) || to < from) {
      throw new Error(`--seeds takes numbers and ranges such as 1-100 or 3,7, found "${part}"`)
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

function clientsOf(names: readonly string[] | undefined): ClientKind[] {
  return (names ?? clientKinds).map((name) => {
    const kind = clientKinds.find((candidate) => candidate === name)
    if (kind === undefined) throw new Error(`--client takes ${clientKinds.join(', ')}, found "${name}"`)
    return kind
  })
}

function totalsOf(outcomes: readonly Outcome[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const { figures } of outcomes) {
    for (const [name, value] of Object.entries(figures)) totals[name] = (totals[name] ?? 0) + value
  }
  return totals
}

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()

async function main(): Promise<number> {
  const seeds = seedsOf(values.seeds)
  const wanted = clientsOf(values.client)
  const python = wanted.some((client) => client !== 'js') ? pythonInterpreter() : null
  const clients = wanted.filter((client) => client === 'js' || python !== null)
  await using lab = await Lab.start(python)
  const outcomes = await Promise.all(
    clients.flatMap((client) =>
      seeds.map(async (seed) => {
        const outcome = await lab.run(client, seed)
        console.log(summaryOf(outcome))
        if (outcome.violations.length > 0) console.log([...outcome.violations, outcome.story].join('\n'), '\n')
        return outcome
      }),
    ),
  )
  const complaints = lab.complaints()
  for (const complaint of complaints) console.log(complaint)
  const failed = outcomes.filter((outcome) => outcome.violations.length > 0)
  for (const client of clients) {
    const own = outcomes.filter((outcome) => outcome.client === client)
    console.log(`${client}: ${own.length} runs`, totalsOf(own))
  }
  console.log(`${outcomes.length} runs, ${failed.length} failed`)
  if (values.write) write(clients, outcomes, complaints)
  return failed.length + complaints.length === 0 ? 0 : 1
}

function write(clients: readonly ClientKind[], outcomes: readonly Outcome[], complaints: readonly string[]): void {
  const result = {
    date: new Date().toISOString(),
    commit:
      git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' and changes'),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    runsAtATime,
    complaints,
    clients: Object.fromEntries(
      clients.map((client) => {
        const own = outcomes.filter((outcome) => outcome.client === client)
        const held = own.filter((outcome) => outcome.violations.length === 0).length
        return [client, { runs: own.length, held, totals: totalsOf(own) }]
      }),
    ),
    runs: outcomes.map(({ client, seed, violations, figures }) => {
      const { sockets, faults, recoveries, refusedRecoveries, framesAccepted, raised, tookMs } = figures
      return {
        client,
        seed,
        violations,
        sockets,
        faults,
        recoveries,
        refusedRecoveries,
        framesAccepted,
        raised,
        tookMs,
      }
    }),
  }
  writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
}

process.exitCode = await main()
