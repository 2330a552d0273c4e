/** Flags, environment, file and defaults, in this order, to one checked configuration. */

import { readFileSync } from 'node:fs'
import { errors } from '@hocket/protocol/errors'
import type { z } from 'zod'
import { ConfigFile, type Path, type Problem, readConfigFile, readFailure } from './file.ts'
import { unknownName } from './nearest.ts'
import { findOption, type Option, options, secretFile } from './options.ts'
import { type Config, configSchema } from './schema.ts'

export interface ConfigSources {
  /** By option name; secrets also as `<name>File`. Strings are read by the option's type. `undefined` is not set. */
  readonly flags?: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  /** Variables `HOCKET_…`. An empty one is not set. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Path of a YAML or JSON file; `null`: what `HOCKET_CONFIG` names, or none. */
  readonly file?: string | null
}

export interface LoadedConfig {
  readonly config: Config
  /** What an operator should know, one sentence each. */
  readonly warnings: readonly string[]
}

interface Setting {
  readonly value: unknown
  /** `--port`, `HOCKET_PORT`; `null`: the file. */
  readonly where: string | null
}

/**
 * Loads the configuration.
 * @throws HocketError `invalidConfig`, which lists every mistake with where it was made; never a secret's value.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  return new Loading(sources).run()
}

class Loading {
  readonly #flags: NonNullable<ConfigSources['flags']>
  readonly #env: NonNullable<ConfigSources['env']>
  readonly #path: string | null
  readonly #problems: Problem[] = []
  readonly #warnings: string[] = []
  readonly #settings = new Map<string, Setting>()
  #file: ConfigFile | null = null

  constructor(sources: ConfigSources) {
    this.#flags = sources.flags ?? {}
    this.#env = sources.env ?? {}
    this.#path = sources.file ?? (this.#env.HOCKET_CONFIG || null)
  }

  run(): LoadedConfig {
    this.#readFile()
    // What a broken file would have said is not known: a mistake found now might be none.
    if (this.#problems.length > 0) throw errors.invalidConfig({ reason: listed(this.#problems) })
    for (const option of options) {
      const setting = this.#fromFlags(option) ?? this.#fromEnv(option)
      if (setting !== null) this.#settings.set(option.name, setting)
    }
    this.#noteUnknownVariables()
    this.#noteUnknownFlags()
    const config = this.#check()
    if (config === null || this.#problems.length > 0) throw errors.invalidConfig({ reason: listed(this.#problems) })
    this.#noteWhatIsNotUsed(config)
    return { config, warnings: this.#warnings }
  }

  #readFile(): void {
    if (this.#path === null) return
    const file = readConfigFile(this.#path)
    if (!(file instanceof ConfigFile)) {
      this.#problems.push(file)
      return
    }
    this.#file = file
    this.#problems.push(...file.problems)
    for (const [name, value] of Object.entries(file.values)) {
      if (value !== null) this.#settings.set(name, { value, where: null })
    }
  }

  #fromFlags(option: Option): Setting | null {
    const value = this.#flags[option.name]
    const path = option.secret === true ? this.#flags[`${option.name}File`] : undefined
    return this.#setting(option, value, path, option.flag, secretFile(option)?.flag)
  }

  #fromEnv(option: Option): Setting | null {
    let value = this.#env[option.env] || undefined
    const file = secretFile(option)
    if (option.name === 'port' && value !== undefined && /^(tcp|udp|sctp):\/\//.test(value)) {
      this.#warnings.push(
        `${option.env}='${value}' is ignored: Kubernetes sets it for a Service named hocket. "enableServiceLinks: false" in the pod stops that.`,
      )
      value = undefined
    }
    const path = file === null ? undefined : this.#env[file.env] || undefined
    return this.#setting(option, value, path, option.env, file?.env)
  }

  #setting(option: Option, value: unknown, path: unknown, where: string, fileWhere = where): Setting | null {
    if (value !== undefined && path !== undefined) {
      this.#problems.push({ where: fileWhere, message: `is set beside ${where}: set one of them` })
      return null
    }
    if (path !== undefined) {
      const secret = this.#readSecret(String(path), fileWhere)
      return secret === null ? null : { value: secret, where: fileWhere }
    }
    return value === undefined ? null : { value: fromText(option, value), where }
  }

  #readSecret(path: string, where: string): string | null {
    try {
      return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    } catch (error) {
      this.#problems.push({ where, message: `'${path}' cannot be read: ${readFailure(error)}` })
      return null
    }
  }

  #noteUnknownVariables(): void {
    const known = new Set(['HOCKET_CONFIG', ...options.flatMap((o) => [o.env, secretFile(o)?.env ?? o.env])])
    for (const name of Object.keys(this.#env)) {
      if (!name.startsWith('HOCKET_') || known.has(name)) continue
      if (/^HOCKET_(SERVICE|PORT)_/.test(name)) continue // Kubernetes, as above
      this.#warnings.push(`${unknownName('variable', name, known)} It is ignored.`)
    }
  }

  #noteUnknownFlags(): void {
    const known = options.flatMap((o) => (o.secret === true ? [o.name, `${o.name}File`] : [o.name]))
    for (const [name, value] of Object.entries(this.#flags)) {
      if (value === undefined || known.includes(name)) continue
      this.#problems.push({ where: `flag ${name}`, message: unknownName('flag', name, known) })
    }
  }

  /** Checks all values; on mistakes, also the rules between the options that are right. */
  #check(): Config | null {
    const values = Object.fromEntries([...this.#settings].map(([name, { value }]) => [name, value]))
    const first = configSchema.safeParse(values)
    if (first.success) return first.data
    const wrong = new Set<PropertyKey>()
    for (const issue of first.error.issues) {
      this.#report(issue, values)
      for (const name of issue.path.length > 0
        ? issue.path.slice(0, 1)
        : issue.code === 'unrecognized_keys'
          ? issue.keys
          : []) {
        wrong.add(name)
      }
    }
    // A wrong key must not look like a missing one.
    if (wrong.has('accessKey') || wrong.has('accessKeySecondary') || wrong.has('host')) return null
    const rest = Object.fromEntries(Object.entries(values).filter(([name]) => !wrong.has(name)))
    for (const issue of configSchema.safeParse(rest).error?.issues ?? []) this.#report(issue, rest)
    return null
  }

  #report(issue: z.core.$ZodIssue, values: unknown): void {
    if (issue.code === 'unrecognized_keys') {
      const sentences = issue.message.split('\n')
      issue.keys.forEach((key, i) => {
        const path = [...issue.path, key]
        this.#problems.push({ where: this.#where(path), message: inside(issue.path, sentences[i] ?? issue.message) })
      })
      return
    }
    const option = findOption(String(issue.path[0]))
    const message = explain(issue, at(values, issue.path), option)
    const where = this.#where(issue.path)
    const isNamed = where === option?.flag || where === option?.env
    const path = isNamed ? issue.path.slice(1) : issue.path
    this.#problems.push({ where, message: inside(path, message) })
  }

  #where(path: Path): string {
    const setting = this.#settings.get(String(path[0]))
    if (setting?.where !== null && setting?.where !== undefined) return setting.where
    return this.#file?.locate(path) ?? 'default'
  }

  #noteWhatIsNotUsed(config: Config): void {
    for (const [hub, settings] of Object.entries(config.hubs)) {
      const unused = (['eventHandlers', 'eventListeners'] as const).filter((name) => settings[name].length > 0)
      if (unused.length === 0) continue
      this.#warnings.push(`hub '${hub}' has ${unused.join(' and ')}: this release checks them and does not call them.`)
    }
  }
}

/** A string from a flag or the environment as the option's type; what does not fit stays as it is, for the schema to refuse. */
function fromText(option: Option, value: unknown): unknown {
  if (option.kind === 'list') {
    const parts = Array.isArray(value) ? value.map(String) : [String(value)]
    return parts
      .flatMap((part) => part.split(','))
      .map((part) => part.trim())
      .filter((part) => part !== '')
  }
  if (typeof value !== 'string') return value
  switch (option.kind) {
    case 'boolean':
      return /^(true|1)$/i.test(value) ? true : /^(false|0)$/i.test(value) ? false : value
    case 'integer':
      return /^[+-]?\d{1,15}$/.test(value.trim()) ? Number(value) : value
    case 'choice':
      return option.choices?.find((choice) => choice === value.toLowerCase()) ?? value
    case 'json':
      try {
        return JSON.parse(value)
      } catch {
        return value
      }
    case 'string':
      return value
    default:
      return option.kind satisfies never
  }
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a whole number',
  boolean: 'true or false',
  string: 'text',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

/** What is wrong and what is allowed, in one sentence. */
function explain(issue: z.core.$ZodIssue, value: unknown, option: Option | null): string {
  const found = option?.secret === true ? 'the value' : shown(value)
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined
        ? `is missing: it must be ${typeNames[issue.expected] ?? issue.expected}`
        : `${found} is not ${typeNames[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `${found} is not allowed, allowed are ${issue.values.map(String).join(', ')}`
    case 'too_big':
    case 'too_small':
      if (typeof value === 'number') return `${found} is out of range${bounds(issue, option)}`
      if (issue.code === 'too_small') return `${found} is too short, the least is ${issue.minimum}`
      return `is too long, the most is ${issue.maximum}`
    case 'invalid_key':
      return issue.issues.map((inner) => inner.message).join('; ')
    default:
      return issue.message
  }
}

function bounds(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall, option: Option | null): string {
  const unit = option?.unit === undefined ? '' : ` ${option.unit}`
  if (option !== null && option.min !== null) return `, allowed are ${option.min} to ${option.max}${unit}`
  return issue.code === 'too_big' ? `, the most is ${issue.maximum}` : `, the least is ${issue.minimum}`
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a map' : String(value)
}

function at(values: unknown, path: Path): unknown {
  let value = values
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    const here = value as Record<PropertyKey, unknown>
    value = step in here ? here[step] : at(here.properties, [step])
  }
  return value
}

/** `hubs.chat.eventHandlers[0].urlTemplate: is missing` */
function inside(path: Path, message: string): string {
  const name = path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${String(step)}`))
    .join('')
  return name === '' ? message : `${name}: ${message}`
}

function listed(problems: readonly Problem[]): string {
  const lines = [...new Set(problems.map(({ where, message }) => `${where}: ${message}`))]
  return lines.length === 1 ? lines[0]! : `${lines.length} mistakes\n${lines.map((line) => `  ${line}`).join('\n')}`
}
