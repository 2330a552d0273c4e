import { describe, expect, it } from 'vitest'
import { type BannerFacts, banner } from './banner.ts'

const facts: BannerFacts = {
  listening: 'http://localhost:8080',
  endpoint: 'http://localhost:8080',
  accessKey: 'THE-KEY',
  isDevelopmentKey: true,
  showKey: false,
  clientUrl: 'ws://localhost:8080/client/hubs/chat?access_token=TOKEN',
  command: 'npx hocket',
}

describe('the banner', () => {
  it('prints connection string, client URL and three lines per language, all from the first column', () => {
    const lines = banner(facts).split('\n')
    expect(lines).toContain('Hocket listens on http://localhost:8080')
    expect(lines).toContain('Endpoint=http://localhost:8080;AccessKey=THE-KEY;Version=1.0;')
    expect(lines).toContain(facts.clientUrl)
    for (const heading of ['Try it in three lines. Shell', 'Python (', 'JavaScript (']) {
      const at = lines.findIndex((line) => line.startsWith(heading))
      expect(at).toBeGreaterThan(0)
      expect(lines.slice(at + 1, at + 5).indexOf('')).toBe(3)
    }
    expect(lines).toContain('npx hocket send --hub chat --group g1 "hello"')
    for (const line of lines) expect(line).toBe(line.trim())
  })

  it('says that the development key is public', () => {
    expect(banner(facts)).toContain('Its key is public: for development, and on this machine only.')
  })

  it('names the endpoint in the shell lines where it is not the default', () => {
    expect(banner({ ...facts, endpoint: 'http://localhost:9000' })).toContain(
      'npx hocket watch --hub chat --group g1 --endpoint http://localhost:9000\n',
    )
  })

  it('asks JavaScript to allow http over http only', () => {
    expect(banner(facts)).toContain('{ allowInsecureConnection: true }')
    expect(banner({ ...facts, endpoint: 'https://a.example' })).not.toContain('allowInsecureConnection')
  })

  it('does not print a key of our own nor a token made with it, unless asked for the key', () => {
    const own = banner({ ...facts, isDevelopmentKey: false })
    expect(own).not.toContain('THE-KEY')
    expect(own).not.toContain('TOKEN')
    expect(own).toContain('Endpoint=http://localhost:8080;AccessKey=…;Version=1.0;')
    expect(own).toContain('--show-key')
    const shown = banner({ ...facts, isDevelopmentKey: false, showKey: true })
    expect(shown).toContain('\nEndpoint=http://localhost:8080;AccessKey=THE-KEY;Version=1.0;\n')
    expect(shown).not.toContain('TOKEN')
  })
})
