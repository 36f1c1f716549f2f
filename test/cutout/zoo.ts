/** Images of every projection, frame, order of axes, type of pixels and compression, written by astropy into argv[1]. */
export const ZOO = `
import sys, os
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
folder = sys.argv[1]; rng=np.random.default_rng(3)
def base(proj, ra=83.0, dec=12.0, n=(60,50), scale=0.01, pv=(), types=('RA---','DEC--'), **c):
    h=fits.Header()
    h['CTYPE1']=types[0]+proj; h['CTYPE2']=types[1]+proj
    h['CRVAL1']=ra; h['CRVAL2']=dec; h['CRPIX1']=n[0]/2; h['CRPIX2']=n[1]/2
    h['CDELT1']=-scale; h['CDELT2']=scale
    for k,v in pv: h[k]=v
    for k,v in c.items(): h[k]=v
    return h
def w(name,h,data=None,n=(60,50)):
    d = rng.normal(size=(n[1],n[0])).astype('f4') if data is None else data
    fits.PrimaryHDU(d,h).writeto(os.path.join(folder,name),overwrite=True,output_verify='ignore')
for p in 'TAN SIN STG ARC ZEA CAR AIT MOL SFL CEA MER HPX TSC CSC QSC PAR PCO BON COP COE COD COO AZP SZP ZPN XPH'.split():
    pv=[]
    dec = 12.0
    if p in ('COP','COE','COD','COO'): pv=[('PV2_1',45.0)]
    if p=='BON': pv=[('PV2_1',30.0)]
    if p=='AZP': pv=[('PV2_1',2.0),('PV2_2',10.0)]
    if p=='SZP': pv=[('PV2_1',2.0),('PV2_2',10.0),('PV2_3',60.0)]
    if p=='ZPN': pv=[('PV2_0',0.0),('PV2_1',1.0),('PV2_3',50.0)]
    # CRVAL at reference for cylindricals
    w(p+'.fits', base(p, pv=pv))
    w(p+'_ra0.fits', base(p, ra=0.01, dec=-30.0, pv=pv))
w('gal.fits', base('TAN', types=('GLON-','GLAT-')))
w('fk4.fits', base('TAN', RADESYS='FK4', EQUINOX=1950.0))
w('fk4noe.fits', base('TAN', RADESYS='FK4-NO-E', EQUINOX=1950.0))
w('fk5_1975.fits', base('TAN', RADESYS='FK5', EQUINOX=1975.0))
w('lonpole.fits', base('ZEA', LONPOLE=37.0))
w('latpole.fits', base('CAR', dec=0.0, LONPOLE=90.0, LATPOLE=20.0))
w('swapped.fits', base('TAN', types=('DEC--','RA---'), ra=12.0, dec=83.0))
w('pole.fits', base('TAN', dec=89.9999)); w('spole.fits', base('SIN', dec=-90.0))
h=base('TAN'); h['CROTA2']=33.0; w('crota.fits',h)
h=base('TAN'); h['PC1_1']=0.8; h['PC1_2']=-0.6; h['PC2_1']=0.6; h['PC2_2']=0.8; w('pc.fits',h)
# wcsaxes greater / smaller
h=base('TAN'); h.insert(0,('WCSAXES',4)); 
for k,v in dict(CTYPE3='FREQ',CRVAL3=1.4e9,CDELT3=1e6,CRPIX3=1.0,CUNIT3='Hz',CTYPE4='STOKES',CRVAL4=1.0,CDELT4=1.0,CRPIX4=1.0).items(): h[k]=v
w('wcsaxes4.fits',h)
h=base('TAN'); h.insert(0,('WCSAXES',2)); w('naxis3.fits',h,rng.normal(size=(4,50,60)).astype('f4'))
# cube with spectral first
h=fits.Header(); 
for k,v in dict(CTYPE1='FREQ',CRVAL1=1.4e9,CDELT1=1e6,CRPIX1=1.0,CUNIT1='Hz',CTYPE2='DEC--TAN',CRVAL2=12.0,CDELT2=0.01,CRPIX2=25.,CTYPE3='RA---TAN',CRVAL3=83.0,CDELT3=-0.01,CRPIX3=30.).items(): h[k]=v
w('specfirst.fits',h,rng.normal(size=(60,50,7)).astype('f4'))
h=base('TAN')
for k,v in dict(CTYPE3='STOKES',CRVAL3=1.0,CDELT3=1.0,CRPIX3=1.0).items(): h[k]=v
w('iquv.fits',h,rng.normal(size=(4,50,60)).astype('f4'))
h=base('TAN')
for k,v in dict(CTYPE3='STOKES',CRVAL3=-5.0,CDELT3=-1.0,CRPIX3=1.0).items(): h[k]=v
w('xxyy.fits',h,rng.normal(size=(4,50,60)).astype('f4'))
for t in 'u2','u4','i8','u1','f8','i2','i4':
    d=rng.integers(0,200,(50,60)).astype(t) if t[0]!='f' else rng.normal(size=(50,60))
    w('bp_'+t+'.fits',base('TAN'),d)
d=rng.integers(0,200,(50,60)).astype('i2'); h=base('TAN'); hd=fits.PrimaryHDU(d,h); hd.scale('int16', bscale=0.1,bzero=7); hd.writeto(os.path.join(folder,'bscale.fits'),overwrite=True)
d=rng.normal(size=(50,60)).astype('f4'); d[:5]=np.nan; w('nan.fits',base('TAN'),d)
# Polynomials of IRAF in WAT cards, and a plate solution without CTYPE.
def wat(h, axis, text):
    for n in range(0, len(text), 68): h['WAT%d_%03d' % (axis, n // 68 + 1)] = text[n:n + 68]
for code in 'TNX', 'ZPX':
    h = base(code); del h['CDELT*']
    h['CD1_1'], h['CD1_2'], h['CD2_1'], h['CD2_2'] = -0.004, 3e-4, 2e-4, 0.0045
    for axis, name, size in (1, 'lng', 1e-3), (2, 'lat', 2e-3):
        terms = ' '.join('%+.6e' % ((-1 if i % 3 == 1 else 1) * size / (1 + i)) for i in range(10))
        wat(h, axis, 'wtype=%s axtype=%s %s%scor = "3. 4. 4. 2. -0.25 0.26 -0.3 0.31 %s "' % (code.lower(), ('ra', 'dec')[axis - 1], 'projp1=1.0 projp3=40.0 ' if code == 'ZPX' else '', name, terms))
    w(code+'.fits', h)
h = fits.Header()
for k, v in dict(EQUINOX=2000.0, CNPIX1=8000, CNPIX2=5000, PPO3=177500.0, PPO6=177500.0, XPIXELSZ=25.28, YPIXELSZ=25.28, PLTRAH=5, PLTRAM=40, PLTRAS=10.5, PLTDECSN='-', PLTDECD=4, PLTDECM=59, PLTDECS=30.5).items(): h[k] = v
for axis, terms in ('X', (67.15, -0.05, -200.5, -2e-5, 3e-5, 1e-5, 2e-6, 2e-6, -1e-7, 2e-6, 3e-7, 1e-7, 1e-9)), ('Y', (67.17, 0.04, 70.2, 1e-5, -2e-5, 4e-6, -3e-6, 2e-6, 2e-7, 2e-6, -1e-7, 2e-7, 2e-9)):
    for i, term in enumerate(terms): h['AMD%s%d' % (axis, i + 1)] = term
w('DSS.fits', h)
# all-sky-ish
h=base('AIT',ra=0.,dec=0.,n=(360,180),scale=1.0); w('ait_all.fits',h,n=(360,180))
h=base('CAR',ra=0.,dec=0.,n=(360,180),scale=1.0,types=('GLON-','GLAT-')); w('car_all.fits',h,n=(360,180))
h=base('HPX',ra=0.,dec=0.,n=(360,180),scale=1.0); w('hpx_all.fits',h,n=(360,180))
h=base('TSC',ra=0.,dec=0.,n=(360,270),scale=1.0); w('tsc_all.fits',h,n=(360,270))
for comp in ('RICE_1','GZIP_1','GZIP_2','HCOMPRESS_1'):
    fits.HDUList([fits.PrimaryHDU(),fits.CompImageHDU(rng.normal(100,5,(50,60)).astype('f4'),base('TAN'),compression_type=comp,quantize_method=2)]).writeto(os.path.join(folder,comp+'.fits'),overwrite=True)
`
