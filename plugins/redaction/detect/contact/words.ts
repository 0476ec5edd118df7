import type { Detector } from '../detector.ts'
import { ip } from '../network/ip.ts'
import { mac } from '../network/mac.ts'
import { url } from '../network/url.ts'
import { postal } from '../place/postal.ts'
import { street } from '../place/street.ts'
import { assigned } from '../secrets/assigned.ts'
import { keys } from '../secrets/keys.ts'
import { wallet } from '../secrets/wallet.ts'
import { age } from '../time/age.ts'
import { date } from '../time/date.ts'
import { email } from './email.ts'
import { phone } from './phone.ts'
import { username } from './username.ts'

/** Contacts, networks, secrets, time and places. */
export const WORDS: readonly Detector[] = [
  email,
  phone,
  username,
  url,
  ip,
  mac,
  date,
  age,
  keys,
  assigned,
  wallet,
  street,
  postal,
]
