/** The parameters of a cutout as descriptors and capabilities show them (SODA 1.0 §3.5: name, UCD and unit tell them). */

export interface Input {
  readonly name: string
  readonly description: string
  readonly unit?: string
  readonly ucd?: string
  readonly xtype?: string
  readonly dataType: { readonly name: 'string' | 'real' | 'integer' | 'boolean'; readonly size?: string }
  readonly required?: boolean
}

export const INPUTS: readonly Input[] = [
  {
    name: 'ID',
    description: 'Publisher DID of an image',
    ucd: 'meta.ref.url;meta.curation',
    dataType: { name: 'string' },
    required: true,
  },
  {
    name: 'POS',
    description: 'CIRCLE, RANGE or POLYGON and its numbers in degrees (ICRS)',
    ucd: 'pos.outline;obs',
    dataType: { name: 'string' },
  },
  {
    name: 'CIRCLE',
    description: 'Longitude, latitude and radius (ICRS)',
    unit: 'deg',
    ucd: 'pos.outline;obs',
    xtype: 'circle',
    dataType: { name: 'real', size: '3' },
  },
  {
    name: 'POLYGON',
    description: 'Longitudes and latitudes of at least three vertices (ICRS)',
    unit: 'deg',
    ucd: 'pos.outline;obs',
    xtype: 'polygon',
    dataType: { name: 'real', size: '*' },
  },
  {
    name: 'BAND',
    description: 'Interval of wavelengths in vacuum',
    unit: 'm',
    ucd: 'em.wl;stat.interval',
    xtype: 'interval',
    dataType: { name: 'real', size: '2' },
  },
  {
    name: 'TIME',
    description: 'Interval of time, MJD',
    unit: 'd',
    ucd: 'time.interval;obs.exposure',
    xtype: 'interval',
    dataType: { name: 'real', size: '2' },
  },
  {
    name: 'POL',
    description: 'Polarisation state; repeated for several',
    ucd: 'meta.code;phys.polarization',
    dataType: { name: 'string' },
  },
  {
    name: 'RESPONSEFORMAT',
    description: 'image/fits, image/png, image/jpeg or image/webp',
    dataType: { name: 'string' },
  },
  { name: 'MASK', description: 'Blank the pixels outside of the shape', dataType: { name: 'boolean' } },
  { name: 'STRETCH', description: 'Of a picture: linear, sqrt, asinh, log', dataType: { name: 'string' } },
  {
    name: 'CUTS',
    description: 'Of a picture: zscale, minmax, a percentage, or the values that are black and white',
    dataType: { name: 'string' },
  },
  {
    name: 'COLORMAP',
    description: 'Of a picture: gray, heat, viridis, inferno, magma, plasma, each also with _r',
    dataType: { name: 'string' },
  },
  { name: 'WIDTH', description: 'Of a picture: its width in pixels', dataType: { name: 'integer' } },
  {
    name: 'COMPOSITE',
    description: 'Make one colour picture of three IDs, after Lupton et al. 2004',
    dataType: { name: 'boolean' },
  },
  {
    name: 'Q',
    description: 'Of a composite: how much of the brighter is compressed',
    dataType: { name: 'real' },
  },
]
