import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openApi, restMarkdown } from './documents.ts'
import { operations } from './operations/mod.ts'

const read = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8')

describe('the documents of the REST API', () => {
  // Stale? Run scripts/rest-docs.ts.
  it('has a current docs/rest-api.md', () => {
    expect(read('rest-api.md')).toBe(restMarkdown())
  })

  it('has a current docs/openapi.json', () => {
    expect(JSON.parse(read('openapi.json'))).toEqual(openApi())
  })

  it('describes all 25 operations under their names, with every value of their paths', () => {
    const { paths } = openApi() as {
      paths: Record<string, Record<string, { operationId: string; parameters: object[] }>>
    }
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId, parameters }]) => {
        const names = parameters
          .filter((item) => 'in' in item && item.in === 'path')
          .map((item) => `{${(item as { name: string }).name}}`)
        expect(path.match(/\{\w+\}/g) ?? []).toEqual(names)
        for (const item of parameters) expect('$ref' in item || 'schema' in item).toBe(true)
        return `${operationId} ${method.toUpperCase()} ${path}`
      }),
    )
    expect(described.sort()).toEqual(operations.map(({ id, method, path }) => `${id} ${method} ${path}`).sort())
    expect(new Set(operations.map(({ id }) => id)).size).toBe(25)
  })
})
