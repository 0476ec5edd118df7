import type { Chance } from './chance.ts'
import * as lists from './lists.ts'
import { BANKS_AT_HOME, COMPANIES_AT_HOME, type Language } from './native.ts'

/** What names of organisations are made of, drawn anew each time. */
export type Draw = Readonly<{
  chance: Chance
  language: Language
  first: () => string
  last: () => string
  city: () => string
  noun: () => string
  word: () => string
}>

export function hospital({ chance, language, first, last, city, noun }: Draw): string {
  const l = last()
  switch (language) {
    case 'es':
    case 'pt':
      return chance.of([
        `Hospital ${l}`,
        `Hospital Universitario ${l}`,
        `Hospital de ${city()}`,
        `Clínica ${l}`,
        `Hospital General de ${city()}`,
        `Centro de Salud ${l}`,
        `Hospital Clínico San ${first()}`,
        `Complejo Hospitalario de ${city()}`,
        `Hospital Vall ${l}`,
        `Hospital Universitario ${1 + chance.below(30)} de ${chance.of(['Octubre', 'Mayo', 'Enero'])}`,
        `Centro Médico de ${city()}`,
      ])
    case 'de':
      return chance.of([
        `Klinikum ${city()}`,
        `Universitätsklinikum ${city()}`,
        'Charité',
        `St. ${first()} Krankenhaus`,
        `Krankenhaus ${city()}`,
        `${first()}-Krankenhaus`,
      ])
    case 'fr':
      return chance.of([
        `CHU de ${city()}`,
        `Hôpital ${l}`,
        `Clinique Saint-${first()}`,
        `Hôpital Saint-${first()}`,
        `hôpital ${l}`,
      ])
    case 'it':
      return chance.of([
        `Ospedale ${l}`,
        `Ospedale San ${first()}`,
        `Policlinico ${l}`,
        `Clinica ${l}`,
        `Ospedale Santa ${first()}`,
      ])
    case 'pl':
      return chance.of([`Szpital ${l}`, `Szpital Wojewódzki`, `Centrum Medyczne ${noun()}`])
    case 'nl':
      return chance.of([`Ziekenhuis ${city()}`, `${l} Ziekenhuis`, `${city()} UMC`])
    default:
      return chance.of([
        `${city()} General Hospital`,
        `St. ${first()}'s Hospital`,
        'Mount Sinai',
        `${l} Medical Center`,
        `${city()} Clinic`,
        'Mayo Clinic',
        `${city()} Memorial Hospital`,
        `${l} Family Practice`,
        `${chance.of(['Mercy', 'Sacred Heart', 'Good Samaritan', 'Providence', 'Trinity', l])} ${chance.of(['General', 'Hospital', 'Medical Center', 'Health', 'Memorial'])}`,
        `St. ${first()} ${chance.of(['Memorial Hospital', 'Medical Center', 'Infirmary'])}`,
      ])
  }
}

export function university({ chance, language, last, city }: Draw): string {
  if (language === 'es') return chance.of([`Universidad de ${city()}`, `Universidad Autónoma de ${city()}`])
  if (language === 'de') return chance.of([`Universität ${city()}`, `TU ${city()}`])
  if (language === 'fr') return `Université de ${city()}`
  if (language === 'it') return `Università di ${city()}`
  return chance.of([
    `University of ${city()}`,
    `${city()} University`,
    `${chance.of(lists.STATES)} State University`,
    'MIT',
    'UCLA',
    `${last()} College`,
  ])
}

export function bank({ chance, language, last, city, noun }: Draw): string {
  const at = chance.unit()
  if (language !== 'en' && at < 0.45) return chance.of(BANKS_AT_HOME[language])
  if (at < 0.75) return chance.of(lists.BANKS)
  switch (language) {
    case 'es':
      return chance.of([`Banco ${last()}`, `Banco de ${city()}`, `Caja Rural de ${city()}`])
    case 'pt':
      return `Banco ${last()}`
    case 'it':
      return chance.of([`Banca ${last()}`, `Banca Popolare di ${city()}`, `Cassa di Risparmio di ${city()}`])
    case 'fr':
      return chance.of([`Banque ${last()}`, `Crédit Mutuel de ${city()}`])
    case 'de':
      return chance.of([`Sparkasse ${city()}`, `Volksbank ${city()}`, `Bankhaus ${last()}`, `${last()} Bank`])
    case 'pl':
      return chance.of([`Bank ${noun()}`, `Bank ${last()}`])
    default:
      return chance.of([
        `${last()} Bank`,
        `${noun()} Bank`,
        `${city()} Credit Union`,
        `First ${noun()} Bank`,
        `${noun()} Savings`,
      ])
  }
}

/** Names as new companies have them: one word, made up. */
function coined({ chance, noun, word }: Draw): string {
  const r = chance.unit()
  if (r < 0.45) return `${noun()}${chance.of(COINED)}`
  if (r < 0.7) return `${noun()}${capital(chance.is(0.5) ? word() : chance.of(COINED))}`
  const middle = Array.from({ length: 1 + chance.below(2) }, () => chance.of(SYLLABLES)).join('')
  return capital(`${middle}${chance.of(COINED_ENDS)}`)
}

export function organisation(draw: Draw): string {
  const { chance, language, last, city, noun } = draw
  const r = chance.unit()
  if (chance.is(0.16)) return coined(draw)
  if (language !== 'en' && chance.is(0.2)) return chance.of(COMPANIES_AT_HOME[language])
  if (r < 0.24) return chance.of(lists.COMPANIES)
  if (r < 0.32) return bank(draw)
  if (r < 0.38) return hospital(draw)
  if (r < 0.42) return university(draw)
  const end = chance.of(ENDS[language])
  const trade = chance.of(TRADES[language])
  if (r < 0.56) return `${last()} ${end}`
  if (r < 0.6) return `${last()}, ${last()} and ${last()}`
  if (r < 0.63) return `${last()}-${last()}`
  if (r < 0.69) return `${noun()} ${noun()} ${end}`
  if (r < 0.73) return `${noun()} ${end}`
  if (language === 'es' || language === 'fr' || language === 'it' || language === 'pt') {
    if (r < 0.92) return `${trade} ${chance.is(0.6) ? last() : noun()}`
  } else if (r < 0.92) {
    const kind = chance.unit()
    if (kind < 0.35) return `${last()} ${trade}`
    if (kind < 0.5) return `${last()} ${chance.of(['& Sons', '& Co', 'and Sons', '& Daughters'])} ${trade}`
    if (kind < 0.85) return `${noun()} ${trade}`
    return `${noun()} ${noun()} ${trade}`
  }
  return chance.of([
    `${city()} ${end}`,
    `Department of ${noun()}`,
    `${noun()} ${noun()} Association`,
    `Ministry of ${noun()}`,
    `${city()} Police Department`,
    `Bank of ${city()}`,
    `${last()} & ${last()} LLP`,
    `${last()} ${last()} LLP`,
    `${last()} Trust`,
  ])
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
const split = (text: string): readonly string[] => text.split(',')
const COINED = split(
  'tech,ify,labs,soft,net,sys,ware,gen,pharma,path,hub,ly,io,data,pay,care,works,base,mart,max,star,health,list,map,logix,wave',
)
const COINED_ENDS = split('trix,tron,vo,dex,via,zon,nix,rix,lix,ra,gro,nova,tis,qua,ium,ora,on,is,yx,eo,ent,star')
const SYLLABLES = split(
  'zen,ver,lu,mo,kor,ax,al,no,ve,qui,sol,ar,tri,om,cy,dat,in,ex,pro,sy,ne,vi,or,cor,lo,en,on,ma,ri,ta',
)
const ENDS: Readonly<Record<Language, readonly string[]>> = {
  en: split(
    'Inc,Inc.,LLC,Ltd,Ltd.,Corp.,Group,PLC,and Sons,& Co.,Holdings,Partners,Insurance,Bank,Capital,Solutions,Technologies,Foundation,Consulting,Industries,Holdings LLC,LLP',
  ),
  es: split('S.A.,S.L.,SA,SL,e Hijos'),
  de: split('GmbH,AG,KG,GmbH & Co. KG,e.V.,SE'),
  fr: split('SA,SARL,SAS,et Fils,et Fils SARL'),
  it: split('S.p.A.,S.r.l.,SpA'),
  pt: split('S.A.,Ltda,Lda.'),
  nl: split('B.V.,NV,BV'),
  pl: split('Sp. z o.o.,S.A.,sp.j.'),
  xx: split('AB,A/S,ASA,Oy,s.r.o.,Kft.,d.o.o.,A.Ş.,S.R.L.,Tbk,AS'),
}
const ENGLISH_TRADES = split(
  'Electronics,Plumbing,Freight,Logistics,Foods,Motors,Pharmacy,Airlines,Hotels,Energy,Media,Software,Systems,Analytics,Security,Realty,Properties,Construction,Builders,Roofing,Dental,Optical,Veterinary,Legal,Advisors,Financial,Wealth,Mortgage,Lending,Savings,Mutual,Life,Assurance,Health,Medical,Labs,Diagnostics,Therapeutics,Biotech,Robotics,Aerospace,Marine,Shipping,Couriers,Travel,Tours,Cafe,Bakery,Grill,Books,Press,Records,Studios,Games,Sports,Fitness,Outfitters,Furniture,Hardware,Supply,Parts,Auto,Tires,Gas,Electric,Water,Telecom,Wireless,Networks,Cloud,Data,Payments,Ventures,Equity,Trading,Imports,Farms,Dairy,Wines,Brewing,Cosmetics,Fashion,Jewelers,Academy,Institute,Charity,Trust,Society,Council',
)
const TRADES: Readonly<Record<Language, readonly string[]>> = {
  en: ENGLISH_TRADES,
  xx: ENGLISH_TRADES,
  de: split(
    'Versicherung,Krankenkasse,Bank,Werke,Bau,Logistik,Apotheke,Bäckerei,Energie,Stiftung,Verlag,Holding,Reisen,Immobilien,Autohaus,Spedition,Maschinenbau,Klinik',
  ),
  nl: split('Verzekeringen,Bank,Groep,Bouw,Logistiek,Apotheek,Energie,Stichting,Makelaardij,Transport'),
  pl: split('Bank,Polska,Polski,Ubezpieczenia,Grupa,Budownictwo,Transport,Apteka,Energia'),
  es: split('Banco,Seguros,Grupo,Mutua,Farmacia,Transportes,Construcciones,Inmobiliaria,Fundación,Editorial,Talleres'),
  fr: split('Banque,Assurances,Groupe,Mutuelle,Pharmacie,Transports,Société,Fondation,Éditions,Garage,Cabinet'),
  it: split('Banca,Assicurazioni,Gruppo,Farmacia,Trasporti,Edilizia,Fondazione,Officina,Studio'),
  pt: split('Banco,Seguros,Grupo,Farmácia,Transportes,Construções,Fundação,Construtora,Drogaria'),
}
