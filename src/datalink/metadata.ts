/**
 * What a light curve's VOTable says beside the rows, as the IVOA note "Time Series in VOTable" does: TIMESYS and
 * COOSYS, and for each band a GROUP with the photometric calibration that refers to the column of values.
 */
import type { CooSys, DocumentHead, Info, TimeSys } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import { element } from '../votable/xml.ts'
import type { LightCurve } from './light-curve.ts'

const TIME_ID = 'time_frame'
const SPACE_ID = 'icrs'

/** ICRS, degrees. */
export interface Position {
  readonly ra: number
  readonly dec: number
}

export interface Annotated {
  readonly fields: readonly Field[]
  readonly head: DocumentHead
}

/** Gives the fields the IDs and references that the head needs. `position` is that of the one object. */
export function annotate(
  curve: LightCurve,
  fields: readonly Field[],
  infos: readonly Info[],
  position: Position | undefined,
): Annotated {
  const { at } = curve
  const nameAt = (index: number | undefined) => (index === undefined ? undefined : curve.fields[index]!.name)
  const value = nameAt(at.value)
  const time = nameAt(at.time)
  const valueId = xmlId(curve)
  const place = at.position && [nameAt(at.position.ra), nameAt(at.position.dec)]
  const marked = fields.map(field => {
    if (field.name === time) return { ...field, ref: TIME_ID }
    if (field.name === value) return { ...field, id: valueId }
    if (place?.includes(field.name)) return { ...field, ref: SPACE_ID }
    return field
  })
  return {
    fields: marked,
    head: {
      description: curve.title,
      infos,
      cooSys: [coordinates()],
      timeSys: [timeSystem(curve)],
      tableName: curve.name,
      groups: [
        ...(position ? [positionGroup(position)] : []),
        ...(fields.some(field => field.name === value) ? bandGroups(curve, valueId) : []),
      ],
    },
  }
}

/** The XML ID of the column of values: its name where that can be one, since astropy names columns by their IDs. */
function xmlId({ fields, at }: LightCurve): string {
  const { name } = fields[at.value]!
  return /^[A-Za-z_][\w.-]*$/.test(name) && name !== TIME_ID && name !== SPACE_ID ? name : 'value'
}

function coordinates(): CooSys {
  return { id: SPACE_ID, system: 'ICRS' }
}

function timeSystem({ time }: LightCurve): TimeSys {
  return {
    id: TIME_ID,
    timescale: time.scale,
    refposition: time.refposition,
    timeorigin: Number.isNaN(time.days) ? 'MJD-origin' : time.origin,
  }
}

function positionGroup({ ra, dec }: Position): string {
  const angle = (name: string, ucd: string, value: number) =>
    element('PARAM', { name, datatype: 'double', unit: 'deg', ucd, ref: SPACE_ID, value: String(value) })
  return element(
    'GROUP',
    { name: 'position' },
    angle('ra', 'pos.eq.ra;meta.main', ra) + angle('dec', 'pos.eq.dec;meta.main', dec),
  )
}

function bandGroups({ bands, measure }: LightCurve, ref: string): readonly string[] {
  return Object.entries(bands).map(([name, band]) => {
    const text = (key: string, ucd: string, utype: string, value: string | undefined) =>
      value === undefined
        ? ''
        : element('PARAM', { name: key, datatype: 'char', arraysize: '*', ucd, utype, value })
    const number = (key: string, unit: string, ucd: string, utype: string, value: number | undefined) =>
      value === undefined
        ? ''
        : element('PARAM', { name: key, datatype: 'double', unit, ucd, utype, value: String(value) })
    return element(
      'GROUP',
      { ID: `photcal_${name.replace(/\W/g, '_')}`, name: `photcal ${name}`, utype: 'photDM:PhotCal' },
      [
        text('band', 'instr.bandpass', 'photDM:PhotometryFilter.bandName', name),
        text('filterIdentifier', 'meta.id;instr.filter', 'photDM:PhotometryFilter.identifier', band.filter),
        number(
          'zeroPointFlux',
          'Jy',
          'phot.flux.density;arith.zp',
          'photDM:PhotCal.zeroPoint.flux.value',
          band.zeroPoint,
        ),
        text('magnitudeSystem', 'meta.code', 'photDM:PhotCal.magnitudeSystem.type', band.system),
        number(
          'effectiveWavelength',
          'm',
          'em.wl.effective',
          'photDM:PhotometryFilter.spectralLocation.value',
          band.wavelength,
        ),
        element('FIELDref', { ref, ucd: measure === 'flux' ? 'phot.flux.density' : 'phot.mag' }),
      ].join(''),
    )
  })
}
