/** Small images of every kind, written by astropy into the folder argv[1]. */
export const SCENES = `
import sys, os, gzip, shutil
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
folder = sys.argv[1]
rng = np.random.default_rng(7)

def header(ra, dec, n, scale=1 / 3600, angle=0.0, flip=1, proj='TAN', **cards):
    w = WCS(naxis=2)
    w.wcs.ctype = ['RA---' + proj, 'DEC--' + proj]
    w.wcs.crval = [ra, dec]
    w.wcs.crpix = [(n + 1) / 2, (n + 1) / 2]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    w.wcs.cd = scale * np.array([[-flip * c, s], [flip * s, c]])
    h = w.to_header()
    for k, v in cards.items():
        h[k] = v
    return h

def sky(n, level):
    y, x = np.mgrid[:n, :n]
    d = rng.normal(level, 1, (n, n)) + 300 * np.exp(-((x - n / 2) ** 2 + (y - n / 2) ** 2) / 40)
    return d.astype('f4')

def write(name, data, h):
    fits.PrimaryHDU(data, h).writeto(os.path.join(folder, name), overwrite=True)

# three bands across RA 0, of which one is turned and mirrored
for band, level, angle, flip in (('g', 1, 0, 1), ('r', 2, 30, 1), ('i', 3, 0, -1)):
    write('field_%s.fits' % band, sky(200, level), header(0.0, 1.0, 200, angle=angle, flip=flip, FILTER=band, BUNIT='nJy'))
write('pole.fits', sky(200, 5), header(30.0, 90.0, 200, scale=0.01))
ints = rng.integers(-100, 100, (100, 100)).astype('i2')
blanked = ints.copy(); blanked[3, 3] = -32768
write('blank.fits', blanked, header(40, 0, 100, BLANK=-32768))
write('plain16.fits', ints, header(41, 0, 100))
h = header(42, 10, 60)
del h['WCSAXES']
hdu = fits.PrimaryHDU(np.arange(2 * 10 * 60 * 60, dtype='f4').reshape(2, 10, 60, 60), h)
for k, v in dict(CTYPE3='FREQ', CRVAL3=1.4e9, CDELT3=1e6, CRPIX3=1.0, CUNIT3='Hz', CTYPE4='STOKES', CRVAL4=1.0, CDELT4=1.0, CRPIX4=1.0).items():
    hdu.header[k] = v
hdu.writeto(os.path.join(folder, 'cube.fits'), overwrite=True)
for name, first, step, crpix in (('iquv', 1, 1, 1), ('xxyx', -6, -1, 2)):
    h = header(43, 10, 20)
    del h['WCSAXES']
    hdu = fits.PrimaryHDU(rng.normal(size=(4, 20, 20)).astype('f4'), h)
    for k, v in dict(CTYPE3='STOKES', CRVAL3=first, CDELT3=step, CRPIX3=crpix).items():
        hdu.header[k] = v
    hdu.writeto(os.path.join(folder, name + '.fits'), overwrite=True)
allsky = header(0, 0, 2, scale=1, proj='CAR')
allsky['CRPIX1'], allsky['CRPIX2'] = 180.5, 90.5
write('allsky.fits', np.arange(360 * 180, dtype='f4').reshape(180, 360), allsky)
primary = fits.PrimaryHDU(); primary.header['OBSERVER'] = 'Somebody'
a = fits.ImageHDU(sky(80, 1), header(50, 20, 80), name='A'); a.header['INHERIT'] = True
b = fits.CompImageHDU(rng.integers(0, 1000, (80, 80)).astype('i2'), header(50.1, 20, 80), name='B', compression_type='RICE_1')
fits.HDUList([primary, a, b]).writeto(os.path.join(folder, 'multi.fits'), overwrite=True)
write('truncated.fits', sky(300, 1), header(60, -30, 300))
write('big.fits', np.tile(np.arange(2000, dtype='f4'), (2000, 1)), header(70, -40, 2000))
with open(os.path.join(folder, 'field_g.fits'), 'rb') as f, gzip.open(os.path.join(folder, 'packed.fits.gz'), 'wb') as g:
    shutil.copyfileobj(f, g)
`
