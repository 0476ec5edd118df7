/**
 * What is looked for. `bound` is the longest that one can be in a text, UTF-16 units, with the separators that its detector accepts: an answer is held
 * back so far, so that none is released in two pieces. `null`: it has no bound (a PEM key), and waits for its end: see restore/answer.ts.
 * `safeHarbor`: its letter in 45 CFR 164.514(b)(2)(i), null where it is in none.
 */
export type EntityKind = Readonly<{
  title: string
  family: Family
  bound: number | null
  safeHarbor: string | null
}>

/** `structured`: a checksum, a fixed form or a label proves it. `named`: the tagger reads it. `flag`: marks a subject, and is never taken out by itself. */
export type Family = 'structured' | 'named' | 'flag'

const structured = (title: string, bound: number | null, safeHarbor: string | null): EntityKind => ({
  title,
  family: 'structured',
  bound,
  safeHarbor,
})
const named = (title: string, bound: number, safeHarbor: string | null): EntityKind => ({
  title,
  family: 'named',
  bound,
  safeHarbor,
})

/** The built-in entity types, by the name that policies and findings use. Policy data may add others: `[A-Z][A-Z0-9_]{1,31}`. */
export const ENTITIES = {
  PERSON: named('Name of a person', 100, 'A'),
  LOCATION: named('City, region, country, facility', 100, 'B'),
  ORG: named('Company, institution', 100, null),
  ADDRESS: structured('Street address', 128, 'B'),
  ZIP: structured('Postal code', 12, 'B'),
  DATE: structured('Calendar date', 40, 'C'),
  AGE: structured('Age of a person', 24, 'C'),
  PHONE: structured('Telephone or fax number', 32, 'D'),
  EMAIL: structured('E-mail address', 128, 'F'),
  SSN: structured('US social security number', 20, 'G'),
  ITIN: structured('US individual taxpayer number (ITIN, ATIN)', 16, 'R'),
  EIN: structured('US employer identification number', 12, 'R'),
  MRN: structured('Medical record number', 40, 'H'),
  MBI: structured('Medicare beneficiary identifier', 20, 'I'),
  HICN: structured('Health insurance claim number (until 2019)', 16, 'I'),
  NHS: structured('NHS number', 20, 'I'),
  ID: structured('Member, policy, case or national identifier', 64, 'R'),
  CREDIT_CARD: structured('Payment card number (PAN)', 64, 'J'),
  CVV: structured('Card verification value', 8, 'J'),
  TRACK: structured('Magnetic stripe or chip track data', 110, 'J'),
  PIN: structured('Personal identification number', 16, 'J'),
  IBAN: structured('International bank account number', 50, 'J'),
  BIC: structured('Bank identifier code', 12, null),
  ABA_ROUTING: structured('US routing number', 16, 'J'),
  US_ACCOUNT: structured('US bank account number', 24, 'J'),
  UK_SORT_CODE: structured('UK sort code', 16, 'J'),
  CUSIP: structured('CUSIP', 12, null),
  ISIN: structured('ISIN', 16, null),
  LEI: structured('Legal entity identifier', 24, null),
  NINO: structured('UK national insurance number', 24, 'R'),
  NPI: structured('US national provider identifier', 16, 'K'),
  DEA: structured('DEA registration number', 12, 'K'),
  DRIVER_LICENSE: structured("Driver's licence", 32, 'K'),
  PASSPORT: structured('Passport number', 24, 'R'),
  VIN: structured('Vehicle identification number', 20, 'L'),
  PLATE: structured('Licence plate', 16, 'L'),
  MAC: structured('MAC address', 24, 'M'),
  IMEI: structured('IMEI', 24, 'M'),
  DEVICE: structured('Device identifier or serial number', 80, 'M'),
  URL: structured('Web address', 128, 'N'),
  IP: structured('IP address', 48, 'O'),
  CRYPTO: structured('Wallet address', 100, null),
  SECRET: structured('Credential: key, token, password', null, null),
  USERNAME: structured('User name, handle', 64, 'R'),
  TOKEN: structured("Text of the shape of this gateway's own tokens", 64, null),
  HEALTH: { title: 'Health code or term (ICD-10, drug, diagnosis)', family: 'flag', bound: 64, safeHarbor: null },
} as const satisfies Readonly<Record<string, EntityKind>>

export type Entity = keyof typeof ENTITIES

/** Names of entity types as policy data may add them. */
export const ENTITY_NAME = /^[A-Z][A-Z0-9_]{1,31}$/

export function isEntity(name: string): name is Entity {
  return Object.hasOwn(ENTITIES, name)
}
