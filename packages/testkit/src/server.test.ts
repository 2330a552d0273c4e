import { describe, expect, it } from 'vitest'
import { startServerProcess } from './server.ts'
import { within } from './wait.ts'

describe('startServerProcess', () => {
  it('gives the connection string of a server that answers, and its exit code after a signal', async () => {
    await using server = await startServerProcess()
    expect(server.connectionString).toMatch(/^Endpoint=http:\/\/localhost:\d+;AccessKey=\w+;Version=1\.0;$/)
    expect(server.endpoint).toBe(`http://localhost:${server.port}`)
    expect((await fetch(`${server.endpoint}/api/health`, { method: 'HEAD' })).status).toBe(200)
    expect(server.stdout()).toContain(server.connectionString)
    server.kill('SIGTERM')
    expect(await within(server.exited, { what: 'the server drains and exits' })).toBe(0)
  })

  it('ends the process when it is disposed of', async () => {
    const server = await startServerProcess()
    await server[Symbol.asyncDispose]()
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH')
  })

  it('shows what a server printed that did not start', async () => {
    await expect(startServerProcess({ args: ['--no-such-option'] })).rejects.toThrow('no-such-option')
  })
})
