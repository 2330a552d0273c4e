/** Where the official Python packages are. */

import { newestInterpreter, Unavailable } from '../python/run.ts'

/**
 * The interpreter to drive the Python clients with: `HOCKET_PYTHON`, or the Python suite's own. `null`, and the reason
 * on the console, where there is none.
 * @throws Error instead when `HOCKET_REQUIRE_PYTHON` is 1.
 */
export function pythonInterpreter(): string | null {
  const given = process.env.HOCKET_PYTHON
  if (given !== undefined && given !== '') return given
  try {
    return newestInterpreter()
  } catch (error) {
    if (!(error instanceof Unavailable) || process.env.HOCKET_REQUIRE_PYTHON === '1') throw error
    console.log(`faults: the Python clients are skipped (${error.message})`)
    return null
  }
}
