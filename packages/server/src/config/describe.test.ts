import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'
import { describeJsonSchema, describeMarkdown } from './describe.ts'
import { options } from './options.ts'
import { defaultConfig, developmentKey } from './schema.ts'

const generated = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8')

describe('generated documentation', () => {
  it('is up to date (node scripts/guard.mjs scripts/config-docs.ts writes it)', () => {
    expect(generated('configuration.md')).toBe(describeMarkdown())
    expect(JSON.parse(generated('config.schema.json'))).toEqual(JSON.parse(JSON.stringify(describeJsonSchema())))
  })

  it('names every option', () => {
    const schema = describeJsonSchema() as { properties: Record<string, unknown> }
    const markdown = describeMarkdown()
    for (const option of options) {
      expect(markdown).toContain(`| \`${option.name}\` |`)
      expect(schema.properties[option.name]).toBeDefined()
    }
  })

  it('is the same on every machine, and does not repeat the development key', () => {
    for (const text of [describeMarkdown(), JSON.stringify(describeJsonSchema())]) {
      expect(text).not.toContain(String(defaultConfig().outboxTotalMaxBytes))
      expect(text).not.toContain(String(totalmem()))
      expect(text).not.toContain(developmentKey)
    }
  })

  it('requires nothing of a file, and what Azure requires of an event handler', () => {
    const schema = describeJsonSchema()
    expect(schema).not.toHaveProperty('required')
    expect(schema).toHaveProperty('additionalProperties', false)
    expect(schema).toHaveProperty(
      'properties.port',
      expect.objectContaining({ minimum: 0, maximum: 65535, default: 8080 }),
    )
    const settings = 'properties.hubs.additionalProperties.anyOf[0]'
    expect(schema).not.toHaveProperty(`${settings}.required`)
    expect(schema).toHaveProperty(`${settings}.properties.eventHandlers.items.required`, ['urlTemplate'])
  })
})
