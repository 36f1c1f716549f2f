/** Small images in a folder, made by astropy: one with a weight map, one with blanks in its name, a cube, two HDUs. */
export const SMALL_IMAGES = `
import sys, os
import numpy as np
from astropy.io import fits
folder = sys.argv[1]
def header(ra, dec, n=60):
    h = fits.Header()
    for key, value in dict(CTYPE1='RA---TAN', CTYPE2='DEC--TAN', CRVAL1=ra, CRVAL2=dec, CRPIX1=n/2+.5, CRPIX2=n/2+.5,
        CDELT1=-1/3600, CDELT2=1/3600, CUNIT1='deg', CUNIT2='deg', FILTER='r', OBJECT='Field', TELESCOP='Test').items(): h[key] = value
    return h
pixels = lambda *shape: np.arange(np.prod(shape), dtype='>f4').reshape(shape)
fits.PrimaryHDU(pixels(60, 60), header(150, 2)).writeto(folder + '/plain.fits')
fits.PrimaryHDU(pixels(60, 60), header(150, 2)).writeto(folder + '/plain_weight.fits')
os.mkdir(folder + '/sub dir')
fits.PrimaryHDU(pixels(60, 60), header(150.01, 2)).writeto(folder + '/sub dir/50% (é) #1.fits.gz')
h = header(151, 3); h['CTYPE3'] = 'WAVE'; h['CRVAL3'] = 5e-7; h['CDELT3'] = 1e-9; h['CRPIX3'] = 1; h['CUNIT3'] = 'm'
fits.PrimaryHDU(pixels(5, 60, 60), h).writeto(folder + '/cube.fits')
fits.HDUList([fits.PrimaryHDU()] + [fits.ImageHDU(pixels(60, 60), header(152 + i, 4)) for i in range(2)]).writeto(folder + '/two.fits')
`
