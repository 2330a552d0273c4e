/** Settings of one hub, in the shape that Azure's management plane exports. */

import { z } from 'zod'
import { unknownName } from './nearest.ts'

/** An object that refuses unknown keys, each with the nearest known one; one line of the message per key. */
export function strict<Shape extends z.ZodRawShape>(what: string, shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownName(what, key, Object.keys(shape))).join('\n')
        : undefined,
  })
}

/** Words that count in any case, as in Azure. */
const word = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.preprocess(
    (value) => words.find((w) => typeof value === 'string' && w.toLowerCase() === value.toLowerCase()) ?? value,
    z.enum(words),
  )

const eventHandler = strict('key of an event handler', {
  urlTemplate: z.string().min(1).max(2048),
  userEventPattern: z.string().max(2048).nullish(),
  systemEvents: z.array(word('connect', 'connected', 'disconnected')).nullish(),
  groupPresenceEvents: strict('key of groupPresenceEvents', {
    eventNames: z.array(word('joined', 'left')).nullish(),
    groupFilters: z.array(z.string()).nullish(),
  }).nullish(),
  auth: strict('key of auth', {
    type: word('None', 'ManagedIdentity').nullish(),
    managedIdentity: strict('key of managedIdentity', { resource: z.string().nullish() }).nullish(),
  }).nullish(),
})

const eventListener = strict('key of an event listener', {
  filter: strict('key of filter', {
    type: word('EventName'),
    systemEvents: z.array(word('connected', 'disconnected')).nullish(),
    userEventPattern: z.string().max(2048).nullish(),
  }),
  endpoint: strict('key of endpoint', {
    type: word('EventHub'),
    fullyQualifiedNamespace: z.string().min(1),
    eventHubName: z.string().min(1),
  }),
})

/** `null` in an export stands for "not set". */
const orDefault = <T extends z.ZodType>(schema: T) => z.preprocess((value) => value ?? undefined, schema)

const plain = strict('hub setting', {
  anonymousConnectPolicy: orDefault(word('allow', 'deny').default('deny')).meta({
    doc: 'Whether clients without a token may connect.',
  }),
  webSocketKeepAliveIntervalInSeconds: orDefault(z.int().min(1).max(120).default(20)).meta({
    unit: 'seconds',
    doc: 'Time between two WebSocket pings to a client.',
  }),
  eventHandlers: orDefault(z.array(eventHandler).default([])).meta({
    doc: 'Event handlers in order of precedence. Accepted and checked, not called by this release.',
  }),
  eventListeners: orDefault(z.array(eventListener).max(10).default([])).meta({
    doc: 'Event listeners. Accepted and checked, not called by this release.',
  }),
})

/** Keys around `properties` in a resource that was exported whole. */
const resourceKeys = ['properties', 'id', 'name', 'type', 'apiVersion', 'dependsOn', 'systemData']

/** A settings object, or a whole exported resource whose `properties` are the settings. */
export const hubSettingsSchema = z.preprocess((value) => {
  if (typeof value !== 'object' || value === null || !('properties' in value)) return value ?? {}
  const { properties, ...others } = value
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return value
  const stray = Object.entries(others).filter(([key]) => !resourceKeys.includes(key))
  return { ...properties, ...Object.fromEntries(stray) }
}, plain)

/** Names of the settings of a hub, in the order of the documentation. */
export const hubSettingsShape: typeof plain.shape = plain.shape

/** Settings of one hub. Names and values are those of Azure's management plane. */
export type HubSettings = z.infer<typeof plain>

/** What a hub has when nothing says otherwise. */
export const defaultHubSettings: HubSettings = Object.freeze(plain.parse({}))
