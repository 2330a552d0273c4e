import { isDeepStrictEqual } from 'node:util'
import { encodeFrame, opcodes, upgradeRequest } from '@hocket/testkit/frames'
import { until } from '@hocket/testkit/wait'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bystanders } from './bystanders.ts'
import { filter } from './filters.ts'
import { httpBytes, sendPath, withToken } from './http-bytes.ts'
import { sendBytes, sendRequests, statusesIn } from './http-wire.ts'
import { jsonPayload } from './json-frames.ts'
import { hub, Lab, seed } from './lab.ts'
import { rawFrame } from './raw-frames.ts'
import { recoveryTarget, recoveryUrl } from './recovery-urls.ts'
import { restBytes, restCall } from './rest-requests.ts'
import { rolesAndGroups } from './role-patterns.ts'
import { buildToken, type TokenSpec, tokenSpec } from './token-specs.ts'
import { claimsFor } from './tokens.ts'
import { type SocketEnd, sendAllFrames, sendFrames } from './websocket-wire.ts'

const atLeast = 100_000
const timeout = 240_000
/** More than a server of this size ever needs, and less than a leak of these inputs would take. */
const maxGrowthBytes = 400 * 1024 * 1024
/** A single input that is handled longer than this keeps everybody else waiting. */
const maxPauseSeconds = 3
/** The server itself would wait for 8 s before it cuts those that are left. */
const maxDrainMs = 5000

const lab = new Lab()
let residentBefore = 0

beforeAll(async () => {
  console.log(`HOCKET_FUZZ_SEED=${seed}`)
  await lab.ready()
  residentBefore = sumOf(await lab.metrics(), 'process_resident_memory_bytes')
})
afterAll(() => lab[Symbol.asyncDispose]())

/** No input may fail inside the server: there it would be closed with 1011 and the id of a trace. */
function isNoFailure({ status, close }: SocketEnd): void {
  expect(status, 'status of the handshake').toBe(101)
  expect(close?.reason ?? '', `reason of the close frame ${close?.code}`).not.toMatch(/trace/)
}

describe('whatever a client sends, the server does it or refuses it', () => {
  it('WebSocket frames', { timeout }, async () => {
    await lab.fuzz('WebSocket frames', { wanted: 30_000, batch: 800 }, rawFrame, (frames) =>
      sendAllFrames(lab.port, () => lab.handshake(null, '&webpubsub_mode=sendToGroup&group=g'), frames, isNoFailure),
    )
  })

  for (const { kind, wanted, subprotocol, closeCodes } of [
    { kind: 'JSON frames', wanted: 20_000, subprotocol: 'json.webpubsub.azure.v1', closeCodes: [1007] },
    // 1008: it acknowledges nothing.
    {
      kind: 'reliable JSON frames',
      wanted: 20_000,
      subprotocol: 'json.reliable.webpubsub.azure.v1',
      closeCodes: [1007, 1008],
    },
    // 1011: nobody handles the events of a simple client.
    { kind: 'JSON frames of simple clients', wanted: 2000, subprotocol: null, closeCodes: [1007, 1011] },
  ]) {
    it(kind, { timeout }, async () => {
      const input = fc.record({ payload: jsonPayload, isBinary: fc.nat(9).map((n) => n === 0) })
      await lab.fuzz(kind, { wanted, batch: 800 }, input, (inputs) => {
        const frames = inputs.map(({ payload, isBinary }) =>
          encodeFrame({ opcode: isBinary ? opcodes.binary : opcodes.text, payload }),
        )
        return sendAllFrames(
          lab.port,
          () => lab.handshake(subprotocol),
          frames,
          (end) => {
            isNoFailure(end)
            expect([undefined, ...closeCodes]).toContain(end.close?.code)
          },
        )
      })
    })
  }

  it('tokens', { timeout }, async () => {
    const keys = { primary: lab.accessKey, secondary: lab.secondaryKey }
    const input = fc.record({
      spec: tokenSpec,
      via: fc.constantFrom('call', 'call', 'call', 'call', 'client URL', 'client header'),
    })
    const build = (spec: TokenSpec, path: string) => {
      const token = buildToken(spec, { audience: `${lab.endpoint}${path}`, keys })
      lab.secrets.addToken(token)
      return token
    }
    await lab.fuzz('tokens', { wanted: 10_000, batch: 400 }, input, async (inputs) => {
      const path = `/api/hubs/${hub}/users/alice`
      const calls = inputs.filter(({ via }) => via === 'call').map(({ spec }) => build(spec, path))
      const answers = await sendRequests(
        lab.port,
        calls.map((token) => callWith(token, path)),
      )
      expect(answers.map(({ status }) => status).filter((status) => ![200, 401, 404].includes(status))).toEqual([])
      for (const { spec, via } of inputs) {
        if (via === 'call') continue
        const token = build(spec, `/client/hubs/${hub}`)
        const inUrl = via === 'client URL'
        const request = upgradeRequest({
          host: lab.host,
          target: `/client/hubs/${hub}${inUrl ? `?access_token=${encodeURIComponent(token)}` : ''}`,
          headers: inUrl ? {} : { Authorization: `Bearer ${headerSafe(token)}` },
        })
        const { status } = await sendFrames({ port: lab.port, request, inputs: [] })
        expect([101, 400, 401, 431]).toContain(status)
      }
    })
  })

  it('filters', { timeout }, async () => {
    const input = fc.record({
      filter,
      to: fc.constantFrom('/:send', '/groups/g/:send', '/users/alice/:send', '/:addToGroups', '/:removeFromGroups'),
    })
    await lab.fuzz('filters', { wanted: 6500, batch: 400 }, input, async (inputs) => {
      await using _ = await Bystanders.connect(lab)
      const requests = inputs.map(({ filter, to }) => {
        const path = `/api/hubs/${hub}${to}`
        const inBody = to.endsWith('Groups')
        return restBytes(
          {
            method: 'POST',
            path,
            query: inBody ? '' : `filter=${encodeURIComponent(filter.toWellFormed()).slice(0, 60_000)}`,
            headers: [['Content-Type', inBody ? 'application/json' : 'text/plain']],
            body: Buffer.from(inBody ? JSON.stringify({ groups: ['g', 'room'], filter }) : 'text'),
            isChunked: false,
            isAuthorized: true,
          },
          lab.host,
          restToken(path),
        )
      })
      const answers = await sendRequests(lab.port, requests)
      expect(answers.map(({ status }) => status).filter((status) => ![200, 202, 400].includes(status))).toEqual([])
    })
  })

  it('roles', { timeout }, async () => {
    await lab.fuzz('roles', { wanted: 2000, batch: 200 }, rolesAndGroups, async (inputs) => {
      for (const { roles, groups } of inputs) {
        const token = lab.clientToken(hub, { role: roles })
        const commands = groups.flatMap((group, i) => [
          { type: 'joinGroup', group, ackId: 2 * i },
          { type: 'sendToGroup', group, ackId: 2 * i + 1, dataType: 'text', data: 'x', noEcho: true },
        ])
        const end = await sendFrames({
          port: lab.port,
          request: lab.handshake('json.webpubsub.azure.v1', '', token),
          inputs: commands.map((command) => encodeFrame({ opcode: opcodes.text, payload: JSON.stringify(command) })),
          keepTexts: true,
        })
        if (token.length > 16_384) expect(end.status).toBe(401)
        else expect(end.texts.filter((text) => text.startsWith('{"type":"ack"'))).toHaveLength(commands.length)
      }
    })
  })

  it('REST calls', { timeout }, async () => {
    await lab.fuzz('REST calls', { wanted: 6500, batch: 400 }, restCall, async (calls) => {
      await using _ = await Bystanders.connect(lab)
      const requests = calls.map((call) => restBytes(call, lab.host, call.isAuthorized ? restToken(call.path) : null))
      const answers = await sendRequests(lab.port, requests)
      for (const [i, { status, head }] of answers.entries()) {
        const about = `${calls[i]!.method} ${calls[i]!.path}\n${head}`
        expect(status, about).toBeLessThan(500)
        expect(head, 'control characters in the head').not.toMatch(/[\0-\x09\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n)/)
      }
    })
  })

  it('bytes where HTTP is expected', { timeout }, async () => {
    await lab.fuzz('HTTP bytes', { wanted: 3500, batch: 320 }, httpBytes, async (inputs) => {
      for (const pieces of inputs) {
        const statuses = statusesIn(await sendBytes(lab.port, withToken(pieces, restToken(sendPath))))
        expect(statuses.filter((status) => status >= 500)).toEqual([])
      }
    })
  })

  it('attempts to recover', { timeout }, async () => {
    await lab.fuzz('recovery URLs', { wanted: 3000, batch: 320 }, recoveryUrl, async (urls) => {
      const [own, other] = [await lab.recoverable(), await lab.recoverable()]
      for (const url of urls) {
        const request = upgradeRequest({
          host: lab.host,
          target: recoveryTarget(url, own, other),
          ...(url.subprotocol === null ? {} : { subprotocols: [url.subprotocol] }),
        })
        const { status, close } = await sendFrames({ port: lab.port, request, inputs: [] })
        expect([101, 400, 401, 404]).toContain(status)
        expect([undefined, 1008]).toContain(close?.code)
      }
    })
  })
})

describe('afterwards', () => {
  it(`at least ${atLeast} inputs were sent`, () => {
    const total = [...lab.counts.values()].reduce((sum, count) => sum + count, 0)
    console.log([...lab.counts, ['in all', total]].map(([kind, count]) => `${count} ${kind}`).join('\n'))
    expect(total).toBeGreaterThanOrEqual(atLeast)
  })

  it('everything that the inputs took is given back', async () => {
    const wanted = {
      connections: lab.witnesses,
      outbox_frames: 0,
      outbox_bytes: 0,
      blocked_connections: 0,
      backlog_frames: 0,
    }
    const held = async () => {
      const metrics = await lab.metrics()
      return Object.fromEntries(Object.keys(wanted).map((what) => [what, sumOf(metrics, `hocket_${what}`)]))
    }
    await until(async () => isDeepStrictEqual(await held(), wanted), {
      what: 'all is given back',
      timeoutMs: 15_000,
    }).catch(() => {})
    expect(await held()).toEqual(wanted)
  })

  it('its memory has not run away', async () => {
    const metrics = await lab.metrics()
    const grown = sumOf(metrics, 'process_resident_memory_bytes') - residentBefore
    console.log(`resident memory: ${mebi(residentBefore)} before, ${mebi(grown)} more after`)
    expect(grown).toBeLessThan(maxGrowthBytes)
  })

  it('nobody ever had to wait long', () => {
    console.log(`longest pause of the event loop: ${lab.longestPauseSeconds.toFixed(2)} s`)
    expect(lab.longestPauseSeconds).toBeLessThan(maxPauseSeconds)
  })

  it('it drains at once, because no socket is left, and exits with 0', { timeout: 30_000 }, async () => {
    const startedAt = performance.now()
    expect(await lab.stop()).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(maxDrainMs)
  })
})

function sumOf(metrics: ReadonlyMap<string, number>, family: string): number {
  return [...metrics].reduce((sum, [series, n]) => (series.replace(/\{.*/, '') === family ? sum + n : sum), 0)
}

const mebi = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`

/** What may stand in a header line, so that one request stays one. */
const headerSafe = (text: string) => text.replace(/[^ -~\x80-\xff]/g, '~')

function restToken(path: string): string {
  return lab.issue({
    claims: claimsFor(`${lab.endpoint}${Buffer.from(path, 'latin1').toString('utf8')}`),
    key: lab.accessKey,
  })
}

function callWith(token: string, path: string) {
  const text = `HEAD ${path} HTTP/1.1\r\nHost: ${lab.host}\r\nAuthorization: Bearer ${headerSafe(token)}\r\n\r\n`
  return { bytes: Buffer.from(text, 'latin1'), isHead: true }
}
