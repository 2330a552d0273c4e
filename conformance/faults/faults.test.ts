/**
 * Ten fixed and five fresh seeds of each official client through the fault proxy. `npm run test:faults:full` runs a
 * hundred; `node --conditions=@hocket/source conformance/faults/run.ts --client js --seeds 7` repeats one.
 */

import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientKinds } from './driver.ts'
import { Lab } from './lab.ts'
import { pythonInterpreter } from './python.ts'
import { type Outcome, summaryOf } from './scenario.ts'

const fixedSeeds = Array.from({ length: 10 }, (_, i) => i + 1)
const freshSeeds = Array.from({ length: 5 }, () => randomInt(1_000, 1_000_000_000))
const python = pythonInterpreter()

let lab: Lab
const outcomes = new Map<string, Promise<Outcome>>()

beforeAll(async () => {
  lab = await Lab.start(python)
  for (const client of clientKinds) {
    if (client !== 'js' && python === null) continue
    for (const seed of [...fixedSeeds, ...freshSeeds]) outcomes.set(`${client} ${seed}`, lab.run(client, seed))
  }
})

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
})

describe.each(clientKinds)('the official %s client through the fault proxy', (client) => {
  const isSkipped = client !== 'js' && python === null
  it.skipIf(isSkipped).each([...fixedSeeds, ...freshSeeds])(
    'gets every accepted message once and in order (seed %i)',
    async (seed) => {
      let outcome = await outcomes.get(`${client} ${seed}`)
      if (outcome === undefined) throw new Error(`seed ${seed} did not run`)
      console.log(summaryOf(outcome))
      if (client === 'python' && outcome.violations.length > 0) {
        // Its threads race each other, once in a hundred runs in a way that the judge does not know yet (README.md). What
        // a server does wrong under a seed shows again.
        console.log('once more, because of', outcome.violations, outcome.story)
        outcome = await lab.run(client, seed)
        console.log(summaryOf(outcome))
      }
      expect(outcome.violations, outcome.story).toEqual([])
    },
    // The runs overlap, and each waits for those in front of it.
    300_000,
  )
})

describe('the servers', () => {
  it('still run, and printed no token', async () => {
    await Promise.all(outcomes.values())
    expect(lab.complaints()).toEqual([])
  }, 600_000)
})
