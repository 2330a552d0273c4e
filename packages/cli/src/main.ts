#!/usr/bin/env node
import { buffer } from 'node:stream/consumers'
import { run } from './program.ts'

const stop = new AbortController()
const args = process.argv.slice(2)
// The one that runs until it is stopped; `serve` drains in its own way, the others just end.
if (args[0] === 'watch') for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

// `hocket watch | head -1` is done when its reader is; a server goes on without one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (args[0] !== 'serve') process.exit(0)
})

const exitCode = await run(
  args,
  {
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    env: process.env,
    stdin: () => buffer(process.stdin),
  },
  stop.signal,
)
process.stdout.write('', () => process.exit(exitCode))
