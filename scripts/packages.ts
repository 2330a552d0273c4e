/** The packages that are published, each behind those it needs. */
export interface PublishedPackage {
  readonly name: string
  readonly folder: string
  /** Files of the package that are run as programs. */
  readonly executables: readonly string[]
}

export const published: readonly PublishedPackage[] = [
  { name: '@hocket/protocol', folder: 'packages/protocol', executables: [] },
  { name: '@hocket/server', folder: 'packages/server', executables: [] },
  { name: 'hocket', folder: 'packages/cli', executables: ['dist/main.js'] },
]
