import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conversion, parseUnit } from '../../src/adql/units.ts'
import { python, withoutPython } from '../support/python.ts'

const PAIRS: readonly (readonly [from: string, to: string])[] = [
  ['deg', 'arcsec'],
  ['deg', 'rad'],
  ['mas/yr', 'deg/yr'],
  ['mas.yr-1', 'arcsec/yr'],
  ['mas.yr**-1', 'arcsec.h-1'],
  ['nJy', 'uJy'],
  ['Jy', 'erg.s-1.cm-2.Hz-1'],
  ['erg/s/cm2/Angstrom', 'W.m-2.um-1'],
  ['km/s', 'm.s**-1'],
  ['pc', 'AU'],
  ['kpc', 'lyr'],
  ['d', 's'],
  ['yr', 'd'],
  ['deg2', 'sr'],
  ['deg**2', 'arcmin2'],
  ['eV', 'J'],
  ['keV', 'erg'],
  ['nm', 'Angstrom'],
  ['GHz', 'Hz'],
  ['solMass', 'kg'],
  ['10**-20 W', 'erg/s'],
  ['1e-17 erg/s', 'W'],
  ['(km2)/s2', 'm2.s-2'],
  ['Jy**(1/2)', 'mJy**(1/2)'],
  ['ct/s', 'ct.ms-1'],
  ['mag', 'mmag'],
  ['%', ''],
  ['K', 'mK'],
  ['uG', 'T'],
]

test('conversions agree with astropy', { skip: withoutPython('astropy') }, () => {
  const script = `
import json, sys, astropy.units as u
def unit(t):
    t = t.replace('sqrt', '')
    return u.Unit(t.replace('.', ' ') if t else '', parse_strict='raise') if '10**' not in t and '1e' not in t else u.Unit(t.replace('10**-20 ', '1e-20 '))
known = {'solMass': 'solMass'}
print(json.dumps([unit(a).to(unit(b)) for a, b in json.load(sys.stdin)]))`
  const expected = JSON.parse(python(script, JSON.stringify(PAIRS)).toString()) as number[]
  for (const [i, [from, to]] of PAIRS.entries()) {
    const found = conversion(from, to)
    assert.ok('factor' in found, `${from} → ${to}: ${JSON.stringify(found)}`)
    assert.ok(
      Math.abs(found.factor / expected[i]! - 1) < 1e-9,
      `${from} → ${to}: ${found.factor}, ${expected[i]}`,
    )
  }
})

test('what is no unit, or does not convert, is refused', () => {
  for (const text of ['fooz', 'deg/', 'm**', '(m', 'm)', 'm s)', '°', 'deg;'])
    assert.equal(parseUnit(text), undefined, text)
  assert.deepEqual(conversion('mag', 'Jy'), { problem: "'mag' cannot be converted into 'Jy'", of: 'to' })
  assert.match(
    (conversion('nonsense', 'Jy') as { problem: string }).problem,
    /the unit of this column, 'nonsense'/,
  )
})
