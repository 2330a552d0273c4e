import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { errors } from '@hocket/protocol/errors'
import { describe, expect, it } from 'vitest'
import { createPinoLogger, plainError, withoutSecrets } from './pino-logger.ts'

function recorder(level: 'trace' | 'info' | 'warn' | 'silent' = 'info') {
  const written: string[] = []
  const logger = createPinoLogger({ level, stream: { write: (line) => void written.push(line) } })
  return {
    logger,
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    text: () => written.join(''),
  }
}

const token = `eyJhbGciOiJIUzI1NiJ9.${'x'.repeat(30)}.${'y'.repeat(43)}`

describe('the logger', () => {
  it('writes one JSON line with level, time, fields and message', () => {
    const { logger, lines } = recorder()
    logger.child({ area: 'session' }).warn({ hub: 'chat', bytes: 5 }, 'slow receiver closed')
    expect(lines()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        area: 'session',
        hub: 'chat',
        bytes: 5,
        msg: 'slow receiver closed',
      },
    ])
  })

  it('leaves out what is below its level', () => {
    const { logger, text } = recorder('warn')
    logger.info({}, 'a')
    logger.debug({}, 'b')
    logger.trace({}, 'c')
    expect(text()).toBe('')
    const silent = recorder('silent')
    silent.logger.error({}, 'd')
    expect(silent.text()).toBe('')
  })

  it('writes an error with code, message, stack and causes', () => {
    const { logger, lines } = recorder()
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    logger.error({ error: errors.backplaneUnavailable({ reason: 'n1', cause }) }, 'request failed')
    expect(lines()[0]?.error).toMatchObject({
      name: 'HocketError',
      code: 'backplaneUnavailable',
      message: 'Not every node of the cluster answered: n1',
      stack: expect.stringContaining('pino-logger.test.ts'),
      cause: { code: 'ECONNREFUSED', message: 'refused' },
    })
  })

  it('ends with an error that is its own cause', () => {
    const error = new Error('x')
    error.cause = error
    expect(JSON.stringify(plainError(error)).match(/"message"/g)).toHaveLength(4)
    expect(plainError('text')).toBe('text')
  })
})

describe('secrets', () => {
  it('do not pass in fields that are named after them, three levels deep', () => {
    const { logger, text } = recorder()
    logger.info({ accessKey: 'S3', a: { token: 'S3', b: { authorization: 'S3' } }, connectionString: 'S3' }, 'x')
    logger.child({ access_token: 'S3' }).info({}, 'y')
    expect(text()).not.toContain('S3')
    expect(text()).toContain('[redacted]')
  })

  it.each([
    [`/client/hubs/chat?access_token=${token}&x=1`, '/client/hubs/chat?access_token=[redacted]&x=1'],
    [
      '?awps_reconnection_token=opaque-S3&awps_connection_id=c',
      '?awps_reconnection_token=[redacted]&awps_connection_id=c',
    ],
    ['Endpoint=http://x;AccessKey=S3==;Version=1.0;', 'Endpoint=http://x;AccessKey=[redacted];Version=1.0;'],
    ['Authorization: Bearer S3.S3', 'Authorization: Bearer [redacted]'],
    [`token ${token} refused`, 'token [redacted] refused'],
  ])('do not pass inside a longer text: %s', (text, clean) => {
    expect(withoutSecrets(text)).toBe(clean)
    const { logger, lines } = recorder()
    logger.info({ url: text, list: [text] }, text)
    expect(lines()[0]).toMatchObject({ url: clean, list: [clean], msg: clean })
  })

  it('do not take harmless text with them', () => {
    for (const text of [
      '{"code":1008,"hub":"chat"}',
      'subprotocol json.webpubsub.azure.v1',
      '/api/hubs/chat/:send?api-version=2024-12-01',
      'close code=1008',
    ]) {
      expect(withoutSecrets(text)).toBe(text)
    }
  })
})

describe('the last lines', () => {
  function run(end: string) {
    const program = `
      import { createPinoLogger } from ${JSON.stringify(fileURLToPath(new URL('pino-logger.ts', import.meta.url)))}
      const logger = createPinoLogger({ level: 'info' })
      for (let i = 0; i < 2000; i++) {
        logger.info({ i }, 'line')
        if (i % 100 === 99) await new Promise(setImmediate)
      }
      ${end}`
    const args = ['--conditions=@hocket/source', '--input-type=module', '--eval', program]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const lines = stderr.split('\n').filter((line) => line.includes('"msg":"line"'))
    return { status, stdout, numbers: lines.map((line) => (JSON.parse(line) as { i: number }).i) }
  }

  it('reach stderr when the process exits at once', () => {
    const { status, stdout, numbers } = run('process.exit(3)')
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(new Set(numbers).size).toBe(2000)
  })

  it('reach stderr in their order when an orderly end waits for them', () => {
    const { status, numbers } = run('await logger.flushed()\nprocess.exit(0)')
    expect(status).toBe(0)
    expect(numbers).toEqual(Array.from({ length: 2000 }, (_, i) => i))
  })

  it('do not hold up a stream that has nothing to flush', async () => {
    await createPinoLogger({ level: 'info', stream: { write: () => {} } }).flushed()
  })
})
