/** VODataService 1.2 §3.2: what part of the sky, and which times and energies, a resource covers. */
import { element, leaf, xmlDocument } from './xml.ts'

export interface ResourceCoverage {
  /** A MOC in ASCII, in ICRS. */
  readonly spatial: string
  /** MJD. */
  readonly temporal: readonly [from: number, to: number] | undefined
  /** Wavelengths in metres; the document has energies. */
  readonly wavelengths: readonly [shortest: number, longest: number] | undefined
}

/** Joules of a photon of a wavelength in metres. */
const energy = (wavelength: number) => Number(((6.62607015e-34 * 299_792_458) / wavelength).toPrecision(6))

/**
 * The element `coverage` on its own, to be taken into the record of the resource in a registry: VOSI's own documents
 * (tables, capabilities) have no place for it.
 */
export function coverageDocument({ spatial, temporal, wavelengths }: ResourceCoverage): string {
  const namespaces = {
    'xmlns:vs': 'http://www.ivoa.net/xml/VODataService/v1.1',
    'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
    'xsi:type': 'vs:Coverage',
  }
  return xmlDocument(
    element(
      'coverage',
      namespaces,
      leaf('spatial', spatial),
      leaf('temporal', temporal?.join(' ')),
      leaf('spectral', wavelengths && [...wavelengths].reverse().map(energy).join(' ')),
    ),
  )
}
