/** Asks a server for its health all the time, as a load balancer does. */
export class HealthWatch {
  #timer: NodeJS.Timeout | undefined
  #problems: string[] = []

  /** Watches this server, and no other any more. */
  watch(endpoint: string): void {
    this.stop()
    // A late answer of the server before belongs to its own list.
    const problems: string[] = []
    this.#problems = problems
    this.#timer = setInterval(async () => {
      const problem = await fetch(`${endpoint}/api/health`, { method: 'HEAD' }).then(
        ({ status }) => (status === 200 ? null : `HEAD /api/health answered ${status}`),
        (error: Error) => `HEAD /api/health was not answered: ${error.message} (${String(error.cause)})`,
      )
      if (problem !== null) problems.push(problem)
    }, 100)
  }

  /** What went wrong since the last call. */
  problems(): string[] {
    return this.#problems.splice(0)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
