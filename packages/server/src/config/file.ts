/** A configuration file (YAML, or JSON, which is YAML too), with the place of every value in it. */

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'

export type Path = readonly PropertyKey[]

export interface Problem {
  /** Where it came from: `--port`, `HOCKET_PORT`, `hocket.yaml:3:1`. */
  readonly where: string
  readonly message: string
}

export class ConfigFile {
  readonly name: string
  /** Top-level values; empty when the file has problems. */
  readonly values: Readonly<Record<string, unknown>>
  readonly problems: readonly Problem[]
  readonly #document: Document.Parsed | null = null
  readonly #lines = new LineCounter()

  constructor(path: string, text: string) {
    this.name = basename(path)
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: true })
    const problems = [...this.#document.errors, ...this.#document.warnings].map((error) => ({
      where: this.#at(error.pos[0]),
      message: withoutSource(error.code, error.message),
    }))
    let values: Record<string, unknown> = {}
    if (problems.length === 0) {
      const read = this.#read()
      if ('problem' in read) problems.push({ where: this.name, message: read.problem })
      else values = read.values
    }
    this.values = values
    this.problems = problems
  }

  /** Where a value stands; for one that is missing, where its parent does. */
  locate(path: Path): string {
    let offset = 0
    let node: Node | null = this.#document?.contents ?? null
    for (const step of path) {
      const found = this.#step(this.#resolve(node), step)
      if (found === null) break
      offset = found.offset
      node = found.node
    }
    return this.#at(offset)
  }

  #step(node: Node | null, step: PropertyKey): { offset: number; node: Node | null } | null {
    if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined
      return item === undefined ? null : { offset: item.range?.[0] ?? 0, node: item }
    }
    if (!isMap(node)) return null
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
    if (pair !== undefined) {
      return { offset: (pair.key as Node).range?.[0] ?? 0, node: (pair.value as Node | null) ?? null }
    }
    // The settings of an exported resource stand one level deeper than the schema has them.
    const properties = node.get('properties', true)
    return isMap(properties) ? this.#step(properties as Node, step) : null
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document!) ?? null) : node
  }

  #read(): { values: Record<string, unknown> } | { problem: string } {
    let content: unknown
    try {
      content = this.#document?.toJS({ maxAliasCount: 100 })
    } catch {
      return { problem: 'has aliases that cannot be resolved, or too many of them' }
    }
    if (content === null || content === undefined) return { values: {} }
    if (typeof content !== 'object' || Array.isArray(content)) {
      return { problem: 'must be a map of options, such as "port: 8080"' }
    }
    return { values: content as Record<string, unknown> }
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return line === 0 ? this.name : `${this.name}:${line}:${col}`
  }
}

/** Reads and parses a file. What is wrong with it stands in its `problems`. */
export function readConfigFile(path: string): ConfigFile | Problem {
  try {
    return new ConfigFile(path, readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    return { where: path, message: `cannot be read: ${readFailure(error)}` }
  }
}

/** Why a file could not be read, without a stack. */
export function readFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a directory'
  if (code === 'EACCES' || code === 'EPERM') return 'this user has no permission to read it'
  return code ?? String(error)
}

/** The parser's sentence without the text it quotes, which may be part of a secret. */
function withoutSource(code: string, message: string): string {
  if (code === 'BAD_ALIAS' || code === 'TAG_RESOLVE_FAILED') return 'a value that starts with * & or ! needs quotes'
  return message.replace(/: ["'{[].*$/s, '').replace(/\n[\s\S]*$/, '')
}
