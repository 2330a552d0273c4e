// Every npm script starts through this file: it refuses a Node that is too old in one sentence, then runs the named
// program from source (condition @hocket/source, no build) in a Node that npm put first on the PATH.
import { spawn } from 'node:child_process'

const required = [22, 18]
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < required[0] || (major === required[0] && minor < required[1])) {
  console.error(
    `Hocket's scripts need Node ${required.join('.')} or newer and found ${process.versions.node}: run "npm ci" without --omit=optional (it installs the pinned Node), or install a newer Node.`,
  )
  process.exit(1)
}
const child = spawn(process.execPath, ['--conditions=@hocket/source', ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1
})
