/**
 * The columns of `almagest.obscore` as VOTable and TAP_SCHEMA describe them (ObsCore 1.1 §3 and appendix B; spellings
 * of utypes as `taplint` holds them), in the order of the view.
 */
import type { Field } from '../votable/field.ts'

export interface ObscoreColumn {
  readonly field: Field
  /** PostgreSQL type where it is not `wireType(field)`, as `ColumnMeta.sqlType`. */
  readonly sqlType?: 'timestamp' | 'spoly'
  /** ObsCore 1.1 table 1: every service has it. */
  readonly mandatory: boolean
  readonly principal: boolean
  readonly indexed: boolean
}

/** name | type | unit | UCD | utype without `obscore:` | m(andatory) p(rincipal) i(ndexed) | description */
const TABLE = `
dataproduct_type     | text   |        | meta.code.class            | ObsDataset.dataProductType    | mp  | Kind of the data: image, cube …
dataproduct_subtype  | text   |        | meta.code.class            | ObsDataset.dataProductSubtype | p   | Kind of the data in words of the collection
calib_level          | int    |        | meta.code;obs.calib        | ObsDataset.calibLevel         | mp  | Level of calibration: 0 raw, 1 standard format, 2 calibrated, 3 combined, 4 analysed
obs_collection       | text   |        | meta.id                    | DataID.Collection             | mpi | Collection of the data
obs_id               | text   |        | meta.id                    | DataID.observationID          | mpi | Observation that the data are of
obs_title            | text   |        | meta.title;obs             | DataID.Title                  | p   | Title
obs_publisher_did    | text   |        | meta.ref.ivoid             | Curation.PublisherDID         | mpi | Identifier of the data; links and cutouts take it as ID
obs_creator_did      | text   |        | meta.id                    | DataID.CreatorDID             |     | Identifier given by the creator
obs_release_date     | stamp  |        | time.release               | Curation.releaseDate          | p   | When the data became public
access_url           | text   |        | meta.ref.url               | Access.Reference              | mp  | Where the file is
access_format        | text   |        | meta.code.mime             | Access.Format                 | mp  | Media type of the file
access_estsize       | long   | kbyte  | phys.size;meta.file        | Access.Size                   | mp  | Size of the file
target_name          | text   |        | meta.id;src                | Target.Name                   | mp  | Object that was observed
s_ra                 | double | deg    | pos.eq.ra                  | Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1 | mpi | Right ascension of the centre (ICRS)
s_dec                | double | deg    | pos.eq.dec                 | Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C2 | mpi | Declination of the centre (ICRS)
s_fov                | double | deg    | phys.angSize;instr.fov     | Char.SpatialAxis.Coverage.Bounds.Extent.diameter | mp | Diameter of the smallest circle around it
s_region             | region | deg    | pos.outline;obs.field      | Char.SpatialAxis.Coverage.Support.Area | mpi | Outline on the sky (ICRS)
s_resolution         | double | arcsec | pos.angResolution          | Char.SpatialAxis.Resolution.Refval.value | mp | Width of the point spread function at half its maximum
s_pixel_scale        | double | arcsec | phys.angSize;instr.pixel   | Char.SpatialAxis.Sampling.RefVal.SamplingPeriod | p | Size of a pixel at the centre
s_xel1               | long   |        | meta.number                | Char.SpatialAxis.numBins1     | m   | Pixels along the first spatial axis
s_xel2               | long   |        | meta.number                | Char.SpatialAxis.numBins2     | m   | Pixels along the second spatial axis
t_min                | double | d      | time.start;obs.exposure    | Char.TimeAxis.Coverage.Bounds.Limits.StartTime | mpi | Start of the first exposure (MJD)
t_max                | double | d      | time.end;obs.exposure      | Char.TimeAxis.Coverage.Bounds.Limits.StopTime  | mp  | End of the last exposure (MJD)
t_exptime            | double | s      | time.duration;obs.exposure | Char.TimeAxis.Coverage.Support.Extent | mp | Exposure time in all
t_resolution         | double | s      | time.resolution            | Char.TimeAxis.Resolution.Refval.value | m | Shortest time that is resolved
t_xel                | long   |        | meta.number                | Char.TimeAxis.numBins         | m   | Pixels along the time axis
em_min               | double | m      | em.wl;stat.min             | Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit | mp | Shortest wavelength in vacuum
em_max               | double | m      | em.wl;stat.max             | Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit | mp | Longest wavelength in vacuum
em_res_power         | double |        | spect.resolution           | Char.SpectralAxis.Resolution.ResolPower.refVal | m | Resolving power λ/Δλ
em_xel               | long   |        | meta.number                | Char.SpectralAxis.numBins     | m   | Pixels along the spectral axis
em_ucd               | text   |        | meta.ucd                   | Char.SpectralAxis.ucd         |     | Nature of the spectral axis
o_ucd                | text   |        | meta.ucd                   | Char.ObservableAxis.ucd       | mp  | Nature of the values of the pixels
pol_states           | text   |        | meta.code;phys.polarization | Char.PolarizationAxis.stateList | mp | Polarization states, as in /I/Q/U/
pol_xel              | long   |        | meta.number                | Char.PolarizationAxis.numBins | m   | Polarization states in the data
facility_name        | text   |        | meta.id;instr.tel          | Provenance.ObsConfig.facility.name   | mp | Observatory or telescope
instrument_name      | text   |        | meta.id;instr              | Provenance.ObsConfig.instrument.name | mp | Instrument
filter_name          | text   |        | instr.filter               |                               | p   | Name of the filter
`

const TYPES: Readonly<Record<string, Omit<Field, 'name'>>> = {
  text: { datatype: 'char', arraysize: '*' },
  stamp: { datatype: 'char', arraysize: '*', xtype: 'timestamp' },
  region: { datatype: 'double', arraysize: '*', xtype: 'polygon' },
  int: { datatype: 'int' },
  long: { datatype: 'long' },
  double: { datatype: 'double' },
}

export const OBSCORE_COLUMNS: readonly ObscoreColumn[] = TABLE.trim()
  .split('\n')
  .map(line => {
    const [name, type, unit, ucd, utype, flags, description] = line.split('|').map(cell => cell.trim())
    const field: Field = {
      name: name!,
      ...TYPES[type!]!,
      ...(unit && { unit }),
      ucd: ucd!,
      ...(utype && { utype: `obscore:${utype}` }),
      description: description!,
    }
    return {
      field,
      ...(type === 'stamp' && { sqlType: 'timestamp' as const }),
      ...(type === 'region' && { sqlType: 'spoly' as const }),
      mandatory: flags!.includes('m'),
      principal: flags!.includes('p'),
      indexed: flags!.includes('i'),
    }
  })
