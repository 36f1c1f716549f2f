/** Small FITS files of many kinds, made by astropy. */
import { python } from '../../support/python.ts'

/** Makes the files in a folder. */
export function writeZoo(folder: string): void {
  python(SCRIPT, '', [folder])
}

const SCRIPT = `
import sys, os, numpy as np
from astropy.io import fits
folder = sys.argv[1]
def header(ra=150.0, dec=2.0, n=20, scale=0.001, **more):
    h = fits.Header()
    h['CTYPE1'], h['CTYPE2'] = 'RA---TAN', 'DEC--TAN'
    h['CRVAL1'], h['CRVAL2'] = ra, dec
    h['CRPIX1'] = h['CRPIX2'] = (n + 1) / 2
    h['CDELT1'], h['CDELT2'] = -scale, scale
    for key, value in more.items(): h[key.replace('_', '-')] = value
    return h
def write(name, hdus):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True)
data = np.arange(400, dtype='f4').reshape(20, 20)
science = header(MJD_OBS=57000.25, EXPTIME=120.0, FILTER='r', INSTRUME='DECam', TELESCOP='CTIO 4.0-m telescope', OBJECT='field 7', BUNIT='nJy', SEEING=(0.9, '[arcsec] seeing'))
write('a/one_r.fits', [fits.PrimaryHDU(data, science)])
write('a/one_r_weight.fits', [fits.PrimaryHDU(data, science)])
write('a/orphan_mask.fits', [fits.PrimaryHDU(data.astype('i4'), header())])
# Image, mask and variance in one file, with what is common to all in the primary header.
primary = fits.PrimaryHDU(header=fits.Header([('DATE-OBS', '2015-03-04T05:06:07'), ('TIMESYS', 'TAI'), ('EXPTIME', 30.0), ('FILTER', 'HSC-I'), ('INSTRUME', 'Hyper Suprime-Cam'), ('TELESCOP', 'Subaru')]))
write('b/calexp.fits', [primary] + [fits.ImageHDU(data, header(ra=359.999), name=name) for name in ('IMAGE', 'MASK', 'VARIANCE')])
# A cube with a spectral and a Stokes axis.
cube = header(OBJECT='cube')
for key, value in (('CTYPE3', 'FREQ'), ('CRVAL3', 1.4e9), ('CDELT3', 1e6), ('CRPIX3', 1.0), ('CUNIT3', 'Hz'), ('CTYPE4', 'STOKES'), ('CRVAL4', 1.0), ('CDELT4', 1.0), ('CRPIX4', 1.0), ('BMAJ', 0.01)): cube[key] = value
write('b/cube.fits', [fits.PrimaryHDU(np.zeros((3, 10, 20, 20), 'f4'), cube)])
write("c/odd name+100%#?&'é.fits", [fits.PrimaryHDU(data, header())])
write('c/table.fits', [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column('x', 'E', array=[1.0])])])
write('c/fpacked.fits.fz', [fits.PrimaryHDU(), fits.CompImageHDU(data, header(dec=89.999))])
write('c/packed.fits.gz', [fits.PrimaryHDU(data, header(ra=10))])
`
