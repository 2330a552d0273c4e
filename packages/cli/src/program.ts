/** The command line: names, flags and help. What the commands do stands in commands/. */

import { createRequire } from 'node:module'
import { HocketError } from '@hocket/protocol/errors'
import { flagOf, secretFile, options as serverOptions } from '@hocket/server/internal'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { checkConfig } from './commands/check-config.ts'
import { send } from './commands/send.ts'
import { token } from './commands/token.ts'
import { watch } from './commands/watch.ts'
import { CliError, type Io } from './io.ts'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

/** How to call this program from where it was started. */
const command = import.meta.url.endsWith('.ts') ? 'npm run -s hocket --' : 'npx hocket'

/**
 * Runs a command line.
 * @param signal ends a command that runs until it is stopped
 * @returns the exit code: 0 done, 1 failed, 2 wrong command line or configuration
 */
export async function run(args: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  try {
    await createProgram(io, signal).parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof CliError) {
      io.err(error.message)
      return error.exitCode
    }
    if (error instanceof HocketError && error.http === null) {
      io.err(error.message)
      return 2
    }
    throw error
  }
}

function createProgram(io: Io, signal: AbortSignal): Command {
  const program = new Command('hocket')
    .description('A self-hosted server for the Azure Web PubSub SDKs.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, '')),
      writeErr: (text) => io.err(text.replace(/\n$/, '')),
    })
    .showHelpAfterError('(--help lists what there is)')

  addServe(program, io)

  withServer(program.command('token'))
    .description('Print a URL that a client can connect to. The server is not asked.')
    .requiredOption('--hub <name>', 'hub to connect to')
    .option('--user <id>', 'user of the connection; without it the connection is anonymous')
    .option(
      '--role <role>',
      'a right, such as webpubsub.joinLeaveGroup or webpubsub.sendToGroup.g1; repeatable',
      collect,
      [],
    )
    .option('--group <name>', 'group that the connection is in from the start; repeatable', collect, [])
    .option('--minutes <number>', 'how long the URL can be used to connect', positive, 60)
    .action((options) => token(options, io))

  withServer(program.command('send'))
    .description('Send one message to a hub, or to a group, user or connection in it.')
    .argument('<text>', 'the message; - reads stdin')
    .requiredOption('--hub <name>', 'hub to send to')
    .addOption(new Option('--group <name>', 'only to this group').conflicts(['user', 'connection']))
    .addOption(new Option('--user <id>', 'only to this user').conflicts(['group', 'connection']))
    .addOption(new Option('--connection <id>', 'only to this connection').conflicts(['group', 'user']))
    .option('--content-type <type>', 'text/plain, application/json or application/octet-stream', 'text/plain')
    .action((text, options) => send(text, options, io))

  withServer(program.command('watch'))
    .description('Print what a client receives, until Ctrl-C.')
    .requiredOption('--hub <name>', 'hub to connect to')
    .option('--group <name>', 'group to be in; repeatable', collect, [])
    .option('--user <id>', 'user to be')
    .option('--json', 'print frames as they came')
    .action((options) => watch(options, io, signal))

  program
    .command('check-config')
    .description('Explain every mistake in a configuration file, or list the hubs it configures.')
    .argument('<file>', 'a YAML or JSON file')
    .action((file) => checkConfig(file, io))

  return program
}

function addServe(program: Command, io: Io): void {
  const serve = program
    .command('serve')
    .description('Start the server. Options come from flags, HOCKET_… variables and a file, in this order.')
    .option('--config <file>', 'YAML or JSON file with options (HOCKET_CONFIG)')
    .option('--show-key', 'print the access key in the connection string')
  for (const option of serverOptions) {
    const isBoolean = option.kind === 'boolean'
    const flag = new Option(isBoolean ? `${option.flag} [boolean]` : flagOf(option), helpOf(option))
    if (option.kind === 'list') flag.argParser(collect)
    serve.addOption(flag)
    const file = secretFile(option)
    if (file !== null) serve.option(`${file.flag} <path>`, `file with it (${file.env})`)
  }
  serve.action(async ({ config, showKey, ...flags }) => {
    // Only this command needs the server, and loading it takes a while.
    const commands = await import('./commands/serve.ts')
    await commands.serve({ config, showKey, flags, command }, io)
  })
}

function helpOf(option: (typeof serverOptions)[number]): string {
  const { choices, defaultDoc, default: value, doc, env } = option
  const standard = defaultDoc ?? (value === null || typeof value === 'object' ? null : String(value))
  const words = [choices === null ? null : choices.join(', '), standard === null ? null : `default ${standard}`, env]
  return `${doc.replaceAll('`', '')} (${words.filter((word) => word !== null).join('; ')})`
}

function withServer(subcommand: Command): Command {
  return subcommand
    .option(
      '--connection-string <text>',
      'server and key (AZURE_WEBPUBSUB_CONNECTION_STRING; default local development)',
    )
    .option('--endpoint <url>', 'another endpoint with the same key')
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value]
}

function positive(value: string): number {
  const number = Number(value)
  if (Number.isFinite(number) && number > 0 && number <= 525_600) return number
  throw new InvalidArgumentError('It must be a number of minutes above 0, at most 525600 (a year).')
}
