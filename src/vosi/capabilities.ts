/** VOSI 1.1 §3.1: what a service can do, for the registry and for clients. */
import { element, type XmlChild, type XmlElement, xmlDocument } from './xml.ts'

/**
 * The document around a service's capability elements; VODataService's namespace is v1.1 also for 1.2.
 * `securityMethods`: how clients may log in; undefined among them is anonymous use (VOResource 1.1 §2.2.2).
 */
export function capabilitiesDocument(
  capabilities: readonly XmlElement[],
  securityMethods: readonly (string | undefined)[] = [],
): string {
  return xmlDocument(
    element(
      'vosi:capabilities',
      {
        'xmlns:vosi': 'http://www.ivoa.net/xml/VOSICapabilities/v1.0',
        'xmlns:vr': 'http://www.ivoa.net/xml/VOResource/v1.0',
        'xmlns:vs': 'http://www.ivoa.net/xml/VODataService/v1.1',
        'xmlns:tr': 'http://www.ivoa.net/xml/TAPRegExt/v1.0',
        'xmlns:sia': 'http://www.ivoa.net/xml/SIA/v1.1',
        'xmlns:cs': 'http://www.ivoa.net/xml/ConeSearch/v1.0',
        'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
      },
      ...capabilities.map(one => (isVosi(one) ? one : secured(one, securityMethods))),
    ),
  )
}

/** These stay anonymous. */
const isVosi = ({ attributes }: XmlElement) =>
  /VOSI#(capabilities|availability)/.test(String(attributes.standardID))

/** Every interface with the methods behind its accessURL. */
function secured(capability: XmlElement, methods: readonly (string | undefined)[]): XmlElement {
  const elements = methods.map(method => element('securityMethod', { standardID: method }))
  const children = capability.children.map(child => {
    if (typeof child !== 'object' || child.name !== 'interface') return child
    const [url, ...rest] = child.children
    return { ...child, children: [url, ...elements, ...rest] }
  })
  return { ...capability, children }
}

/** A capability of one plain HTTP resource: the VOSI ones, examples. */
export function simpleCapability(standardId: string, url: string): XmlElement {
  return element('capability', { standardID: standardId }, paramHttp(url, 'full'))
}

export function paramHttp(url: string, use: 'full' | 'base', ...children: readonly XmlChild[]): XmlElement {
  return element(
    'interface',
    { 'xsi:type': 'vs:ParamHTTP', role: 'std' },
    element('accessURL', { use }, url),
    ...children,
  )
}

/** The two that every service has beside its own. */
export function vosiCapabilities(baseUrl: string): readonly XmlElement[] {
  return [
    simpleCapability('ivo://ivoa.net/std/VOSI#capabilities', `${baseUrl}/capabilities`),
    simpleCapability('ivo://ivoa.net/std/VOSI#availability', `${baseUrl}/availability`),
  ]
}
