import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http'
import type { Express } from 'express'

/**
 * Classes for Node's server to make its requests and responses of. Express gives each one the prototype of its own,
 * which takes V8's fast properties away: 9,000 empty requests a second in place of 20,000. These have it from birth.
 */
export function messageClasses(app: Express): Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'> {
  class Incoming extends IncomingMessage {}
  class Outgoing extends ServerResponse {}
  app.request = Object.setPrototypeOf(Incoming.prototype, app.request)
  app.response = Object.setPrototypeOf(Outgoing.prototype, app.response)
  return { IncomingMessage: Incoming, ServerResponse: Outgoing as typeof ServerResponse }
}
