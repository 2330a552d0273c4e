/** The options of the schema as a list, for whoever offers them: flags, environment, documentation. */

import { z } from 'zod'
import { type Config, type OptionMeta, optionsSchema } from './schema.ts'

/** One option, as its schema describes it. */
export interface Option extends OptionMeta {
  readonly name: keyof Config
  /** How a string from a flag or the environment becomes its value. `list`: comma separated. `json`: an object. */
  readonly kind: 'boolean' | 'integer' | 'string' | 'choice' | 'list' | 'json'
  /** What it is without any setting; `null` also where `defaultDoc` says it in words. */
  readonly default: unknown
  readonly min: number | null
  readonly max: number | null
  readonly choices: readonly string[] | null
}

/** Every option, in the order of the schema. */
export const options: readonly Option[] = Object.entries(optionsSchema.shape).map(([name, schema]) => {
  const meta = schema.meta() as OptionMeta | undefined
  if (meta === undefined) throw new Error(`the option ${name} has no meta`)
  const value = valueSchema(schema)
  const isNumber = value instanceof z.ZodNumber
  return {
    ...meta,
    name: name as keyof Config,
    kind: kindOf(value),
    default: meta.defaultDoc === undefined ? schema.parse(undefined) : null,
    min: isNumber ? value.minValue : null,
    max: isNumber ? value.maxValue : null,
    choices: value instanceof z.ZodEnum ? value.options.map(String) : null,
  }
})

/** The option of that name, or `null`. */
export function findOption(name: string): Option | null {
  return options.find((option) => option.name === name) ?? null
}

/** A flag or variable that names a file with a secret in it. */
export function secretFile(option: Option): { readonly flag: string; readonly env: string } | null {
  return option.secret === true ? { flag: `${option.flag}-file`, env: `${option.env}_FILE` } : null
}

function valueSchema(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) return valueSchema(schema.unwrap())
  return schema
}

function kindOf(value: z.core.$ZodType): Option['kind'] {
  if (value instanceof z.ZodBoolean) return 'boolean'
  if (value instanceof z.ZodNumber) return 'integer'
  if (value instanceof z.ZodString) return 'string'
  if (value instanceof z.ZodEnum) return 'choice'
  if (value instanceof z.ZodArray) return 'list'
  return 'json'
}
