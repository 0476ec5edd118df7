/** Languages of the templates; `xx` is any other. */
export type Language = 'en' | 'es' | 'de' | 'fr' | 'it' | 'pt' | 'nl' | 'pl' | 'xx'

const split = (text: string): readonly string[] => text.split(',')
type ByLanguage = Readonly<Record<Language, readonly string[]>>

/** Cities as their own language calls them, and the larger ones of others: the list of cities has English names for many. */
export const CITIES_AT_HOME: ByLanguage = {
  en: split('Cologne,Munich,Warsaw,Cracow,Seville,Lisbon,Athens,Vienna,Prague,Moscow,New York,San Antonio,Los Angeles'),
  es: split(
    'Sevilla,Zaragoza,Málaga,Bilbao,Valencia,Barcelona,Madrid,Salamanca,Nueva York,Londres,Ginebra,Múnich,Ciudad de México,Bogotá,La Coruña,San Sebastián,Las Palmas de Gran Canaria,Palma de Mallorca,Logroño,Gijón,Vitoria,Pamplona,Lérida,Gerona,París,Roma,Lisboa,Ciudad de Guatemala,San Sebastián de los Reyes',
  ),
  de: split(
    'München,Köln,Nürnberg,Hannover,Wien,Zürich,Genf,Bremen,Essen,Halle,Hamm,Braunschweig,Mailand,Rom,Warschau,Prag,Brüssel,Venedig,Düsseldorf,Frankfurt,Frankfurt am Main,Münster,Göttingen,Lübeck,Würzburg,Tübingen,Straßburg,Basel,Luzern,Graz,Linz,Moskau,Athen,Lissabon',
  ),
  fr: split(
    'Lyon,Marseille,Paris,Tours,Nice,Londres,Bruxelles,Genève,Anvers,Gand,Rome,Milan,Barcelone,Lisbonne,Varsovie,Le Havre,Le Mans,La Rochelle,Saint-Étienne,Aix-en-Provence,Saint-Denis,Montréal,Québec,Alger,Casablanca,Dakar,Strasbourg,Bordeaux,Lille',
  ),
  it: split(
    'Milano,Roma,Torino,Napoli,Firenze,Venezia,Genova,Padova,Siracusa,Parigi,Londra,Monaco,Berlino,Mantova,Bologna,Palermo,Verona,Bari,Trieste,Reggio Emilia,Como,Livorno',
  ),
  pt: split(
    'Lisboa,Porto,Coimbra,Braga,Faro,Londres,Nova Iorque,São Paulo,Rio de Janeiro,Salvador,Belo Horizonte,Brasília,Recife,Curitiba,Setúbal,Aveiro,Évora,Viseu,Porto Alegre,Belém,Natal,Vitória,Santos',
  ),
  nl: split(
    'Den Haag,Antwerpen,Gent,Brussel,Brugge,Luik,Parijs,Londen,Keulen,Amsterdam,Rotterdam,Utrecht,Leuven,Mechelen,Den Bosch,Eindhoven,Groningen,Haarlem,Zwolle',
  ),
  pl: split(
    'Warszawa,Kraków,Gdańsk,Poznań,Wrocław,Łódź,Katowice,Lublin,Szczecin,Białystok,Gdynia,Toruń,Rzeszów,Kielce,Olsztyn,Zakopane,Częstochowa,Sosnowiec,Radom,Bydgoszcz,Berlin,Londyn,Paryż,Praga',
  ),
  xx: split(
    'Praha,Brno,Ostrava,Budapest,Debrecen,București,Cluj-Napoca,Zagreb,Split,Ljubljana,Bratislava,Stockholm,Göteborg,Malmö,København,Aarhus,Oslo,Bergen,Helsinki,Tampere,İstanbul,Ankara,İzmir,Jakarta,Hà Nội,Beograd,Sofia,Vilnius,Rīga,Tallinn',
  ),
}
/** Polish cities after a preposition. */
export const INFLECTED = split(
  'Warszawie,Krakowie,Gdańsku,Poznaniu,Wrocławiu,Łodzi,Katowicach,Lublinie,Szczecinie,Białymstoku,Gdyni,Toruniu,Rzeszowie,Kielcach,Olsztynie,Zakopanem,Częstochowie,Sosnowcu,Radomiu,Bydgoszczy,Warszawy,Krakowa,Gdańska,Poznania,Wrocławia,Katowic,Lublina,Berlinie,Londynie,Paryżu',
)
export const BANKS_AT_HOME: ByLanguage = {
  en: split('First Republic,KeyBank,SunTrust,Fifth Third Bank,Huntington,Chime,SoFi,Wise,Starling,Metro Bank'),
  es: split('Banco Sabadell,Bankinter,Unicaja,Kutxabank,Abanca,Ibercaja,Banamex,Banorte,Bancolombia,CaixaBank,BBVA'),
  de: split('Postbank,Deutsche Bank,Commerzbank,Volksbank,Sparkasse,HypoVereinsbank,DKB,Comdirect,Erste Bank,ING'),
  fr: split('BNP Paribas,Crédit Lyonnais,LCL,Caisse d’Épargne,La Banque Postale,Boursorama,Banque Populaire,CIC'),
  it: split('Banco BPM,Banca Mediolanum,Fineco,BPER Banca,Poste Italiane,Monte dei Paschi,Credem,Intesa Sanpaolo'),
  pt: split('Millennium BCP,Caixa Geral de Depósitos,Novo Banco,Banco do Brasil,Caixa Econômica Federal,Nubank,Itaú'),
  nl: split('ABN AMRO,ING,Rabobank,SNS Bank,Triodos Bank,bunq,KBC,Belfius,ASN Bank'),
  pl: split('PKO BP,mBank,Bank Pekao,ING Bank Śląski,Bank Millennium,Alior Bank,Santander Bank Polska,Getin Bank'),
  xx: split('Nordea,Swedbank,SEB,Handelsbanken,Danske Bank,DNB,OTP Bank,Garanti BBVA,Akbank,Česká spořitelna,BCR,BCA'),
}
export const COMPANIES_AT_HOME: ByLanguage = {
  en: split('Boots,Sainsbury’s,Marks & Spencer,British Gas,Comcast,Kroger,Home Depot,Aviva,Woolworths'),
  es: split('El Corte Inglés,Mercadona,Endesa,Naturgy,Sanitas,Adeslas,Inditex,Pemex,Cemex,Renfe,Seat,Mapfre,Ferrovial'),
  de: split(
    'Barmer,AOK,DAK,Techniker,Telekom,Deutsche Bahn,Ergo,HUK-Coburg,Rewe,Edeka,Aldi,Lidl,Daimler,BASF,Thyssenkrupp,Deutsche Post,Otto,Debeka',
  ),
  fr: split('Orange,SNCF,EDF,Engie,MAIF,Macif,Groupama,Danone,Michelin,Peugeot,Auchan,Leclerc,Thales,Sanofi,La Poste'),
  it: split('Enel,Eni,Generali,Fiat,TIM,Unipol,Ferrero,Barilla,Trenitalia,Esselunga,Leonardo,Pirelli'),
  pt: split('Galp,EDP,Sonae,Pingo Doce,Fidelidade,Petrobras,Vale,Embraer,Ambev,Unimed,Natura,TAP'),
  nl: split('Philips,Albert Heijn,KPN,Ziggo,Nationale-Nederlanden,CZ,VGZ,Aegon,Bol.com,Proximus,Colruyt,Menzis'),
  pl: split('PZU,Allegro,Żabka,KGHM,LOT,Play,Tauron,PGE,Biedronka,Medicover,LuxMed,CD Projekt'),
  xx: split('Volvo,Ericsson,IKEA,Telenor,Equinor,Carlsberg,Maersk,Nokia,Kone,Škoda,ČEZ,MOL,Dacia,Koç,Turkcell,Gojek'),
}
/** What people are to a bank, a clinic, a court. */
export const ROLES: ByLanguage = {
  en: split(
    'customer,client,patient,member,cardholder,beneficiary,applicant,borrower,claimant,employee,payee,tenant,policyholder,guarantor,witness,subscriber',
  ),
  es: split(
    'cliente,clienta,paciente,titular,beneficiario,beneficiaria,solicitante,asegurado,asegurada,empleada,empleado,vecina,testigo,ordenante',
  ),
  de: split(
    'Kunde,Kundin,Patient,Patientin,Empfänger,Empfängerin,Mandant,Mandantin,Versicherte,Antragsteller,Antragstellerin,Mitarbeiter,Mitarbeiterin,Kollege,Kollegin,Mieterin,Klägerin,Zeuge,Auftraggeber',
  ),
  fr: split(
    'client,cliente,patient,patiente,titulaire,bénéficiaire,assuré,assurée,salarié,salariée,locataire,demandeur,témoin,voisine',
  ),
  it: split(
    'cliente,paziente,titolare,beneficiario,beneficiaria,assicurato,assicurata,dipendente,inquilina,richiedente,testimone',
  ),
  pt: split('cliente,paciente,titular,beneficiário,beneficiária,segurado,segurada,funcionária,inquilino,requerente'),
  nl: split('klant,patiënt,patiënte,begunstigde,verzekerde,medewerker,medewerkster,huurder,aanvrager,getuige'),
  pl: split('klient,klientka,pacjent,pacjentka,odbiorca,ubezpieczony,pracownik,wnioskodawca,najemca,świadek'),
  xx: split('kund,kunden,patient,patienten,klient,zákazník,müşteri,hasta,client,pacient,ügyfél,beteg,asiakas,nasabah'),
}
